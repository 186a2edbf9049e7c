import assert from "node:assert/strict";
import { test } from "node:test";
import { closure, withPreloads } from "./preloads.mjs";

/** @type {Record<string, string>} */
const FILES = {
  "pages/a.js": `// import { x } from "../lib/no.js"\nimport { b } from "../lib/b.js";\nimport {\n  c,\n} from "../lib/c.js";\nawait import("../lib/late.js");\n/** @typedef {import("../lib/type.js").T} T */`,
  "lib/b.js": `import "./c.js";\nexport { d } from "/assets/lib/d.js";`,
  "lib/c.js": `import { b } from "./b.js";`,
  "lib/d.js": "",
};
const read = async (/** @type {string} */ path) => FILES[path] ?? assert.fail(path);

test("all that is imported statically, once, in a circle, too", async () => {
  assert.deepEqual([...(await closure(["pages/a.js"], read))], ["pages/a.js", "lib/b.js", "lib/c.js", "lib/d.js"]);
});

test("a link for each, before the end of the head", async () => {
  const html = `<head>\n  <script type="module" src="/assets/pages/a.js"></script>\n</head>`;
  const made = await withPreloads(html, "a.html", read);
  assert.deepEqual(made.match(/href="[^"]+"/g), ['href="/assets/lib/b.js"', 'href="/assets/lib/c.js"', 'href="/assets/lib/d.js"']);
  assert.match(await withPreloads(html, "watch.html", read), /hls\.mjs">\n<\/head>$/);
});
