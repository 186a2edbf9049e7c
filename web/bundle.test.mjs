import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { bundle } from "./bundle.mjs";

const FILES = {
  "pages/one.js": `import library from "/assets/vendor/library.mjs";\nimport { shared } from "../lib/shared.js";\nimport { alone } from "../lib/alone.js";\nexport const all = [library, shared, alone, () => import("../lib/late.js")];`,
  "pages/two.js": `// who needs it\nimport { shared } from "../lib/shared.js";\nexport const all = [shared];`,
  "lib/shared.js": `/** A long story. @param {string} person */\nexport function shared(person) {\n  return \`// no comment, \${person}\`; // nor this\n}`,
  "lib/alone.js": `export const alone = "one of a kind";`,
  "lib/late.js": `export const late = 1;`,
};

/** @param {Record<string, string>} files @param {(source: string, to: string) => Promise<void>} story */
async function within(files, story) {
  const folder = await mkdtemp(`${tmpdir()}/bundle-`);
  try {
    for (const place of ["src/pages", "src/lib", "to"]) await mkdir(`${folder}/${place}`, { recursive: true });
    for (const [path, text] of Object.entries(files)) await writeFile(`${folder}/src/${path}`, text);
    await story(`${folder}/src`, `${folder}/to`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("what pages share is a file of its own, and what one alone has stands in it", () => within(FILES, async (source, to) => {
  const imported = await bundle(source, to, ["pages/one.js", "pages/two.js"]);
  const [one, ...more] = imported("pages/one.js");
  const [, shared = "", ...none] = imported("pages/two.js");
  assert.equal(one, "pages/one.js");
  assert.ok(more.includes("vendor/library.mjs") && more.includes(shared));
  assert.deepEqual(none, []);
  const text = await readFile(`${to}/${shared}`, "utf8");
  assert.match(text, /no comment/);
  assert.doesNotMatch(text, /story|nor this/);
  assert.match(await readFile(`${to}/pages/one.js`, "utf8"), /one of a kind/);
}));

test("what is loaded later is not imported at once", () => within(FILES, async (source, to) => {
  const imported = await bundle(source, to, ["pages/one.js"]);
  assert.deepEqual(imported("pages/one.js"), ["pages/one.js", "vendor/library.mjs"]);
  assert.match(await readFile(`${to}/pages/one.js`, "utf8"), /import\("\.\.\/lib\/\w+\.js"\)/);
}));

test("what is no module stops the build, with its name", () => within({ "pages/one.js": "function (" }, async (source, to) => {
  await assert.rejects(bundle(source, to, ["pages/one.js"]), /pages\/one\.js/);
}));
