import assert from "node:assert/strict";
import { test } from "node:test";
import { withPreloads } from "./preloads.mjs";

const HTML = `<head>\n  <script type="module" src="/assets/pages/a.js"></script>\n  <script type="module" src="/assets/pages/header.js"></script>\n</head>`;
const imported = (/** @type {string} */ path) => [path, "lib/b.js", ...(path === "pages/a.js" ? ["lib/c.js"] : [])];

test("a link for each module that the page does not name, once, before the end of the head", () => {
  const made = withPreloads(HTML, "a.html", imported);
  assert.deepEqual(made.match(/href="[^"]+"/g), ['href="/assets/lib/b.js"', 'href="/assets/lib/c.js"']);
  assert.match(withPreloads(HTML, "watch.html", imported), /hls\.mjs">\n<\/head>$/);
});
