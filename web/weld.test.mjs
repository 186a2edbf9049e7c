import assert from "node:assert/strict";
import { test } from "node:test";
import { weld } from "./weld.mjs";

/** @type {Record<string, string>} */
const FILES = {
  "pages/a.js": 'import { twice as double } from "../lib/b.js";\nimport * as words from "../lib/words.js";\nimport { one } from "../lib/shared.js";\n\nconst name = "a";\nexport const said = () => [name, double(one), words.hello(), words.name, double.name];\nexport const later = () => import("../lib/late.js");\n',
  "pages/other.js": 'import { one } from "../lib/shared.js";\nexport const here = one;\n',
  "lib/b.js": '// Twice.\nimport { one } from "./shared.js";\nimport { plus } from "./deep.js";\n\nconst name = "b";\n/** @typedef {import("./late.js").T} T */\nexport function twice(n) {\n  return plus(n, one) + name;\n}\n',
  "lib/deep.js": "export const plus = (a, b) => a + b;\nexport const unused = 1;\n",
  "lib/shared.js": "export const one = 1;\n",
  "lib/words.js": 'export const name = "words";\nexport function hello() {\n  return "hello";\n}\n',
  "lib/late.js": 'import { early } from "./early.js";\nexport const late = early;\n',
  "lib/early.js": "export const early = () => import.meta.url;\n",
};
const welded = weld(new Map(Object.entries(FILES)));
const at = (/** @type {string} */ path) => welded.get(path) ?? assert.fail(path);

/** What a module exports, when it and what it imports are loaded. @param {string} path @returns {Promise<any>} */
async function load(path) {
  const urls = new Map();
  const give = (/** @type {string} */ one) => {
    const text = at(one).replace(/from "([^"]+)"/g, (_, from) => `from "${give(new URL(from, `http://here/${one}`).pathname.slice(1))}"`);
    if (!urls.has(one)) urls.set(one, `data:text/javascript,${encodeURIComponent(text)}`);
    return urls.get(one);
  };
  return import(give(path));
}

test("what one module imports is in it, with all that stands behind it, and does the same", async () => {
  const { said } = await load("pages/a.js");
  assert.deepEqual(said(), ["a", "2b", "hello", "words", "twice"]);
  assert.deepEqual([...at("pages/a.js").matchAll(/^import .* from "(.*)";$/gm)].map(([, from]) => from), ["../lib/shared.js"]);
});

test("what several import, what comes later and what knows its place stay files of their own", () => {
  assert.match(at("pages/other.js"), /^import \{ one as \w+\$\w+ \} from "\.\.\/lib\/shared\.js";/);
  assert.match(at("pages/a.js"), /import\("\.\.\/lib\/late\.js"\)/);
  assert.match(at("lib/late.js"), /from "\.\/early\.js"/);
});

test("modules that import each other are left alone", () => {
  const circle = weld(new Map([["lib/a.js", 'import { b } from "./b.js";\nexport const a = () => b;\n'], ["lib/b.js", 'import { a } from "./a.js";\nexport const b = () => a;\n']]));
  assert.match(circle.get("lib/a.js") ?? "", /from "\.\/b\.js"/);
});
