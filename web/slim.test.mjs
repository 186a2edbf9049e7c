import assert from "node:assert/strict";
import { test } from "node:test";
import { slim } from "./slim.mjs";

const SOURCE = `// Says hello.
import { other } from "./other.js";

/** A long story. @param {string} person */
export function hello(person) {
  const greeting = \`// no comment, \${person}\`; // nor this
  return greeting + /\\/\\*.*/.source;
}

class Refused extends Error {}
export const name = new Refused().constructor.name;
export const worker = () => new URL("./other.js", import.meta.url) && other;
`;

/** @param {string} text */
async function run(text) {
  return import(`data:text/javascript,${encodeURIComponent(text.replace(/import ?\{[^}]*\} ?from ?"[^"]*";?/, ""))}`);
}

test("a module says the same in fewer words", async () => {
  const text = await slim(SOURCE, "it.js");
  assert.ok(text.length < SOURCE.length * 0.75, text);
  assert.ok(!text.includes("story") && !text.includes("nor this"));
  assert.match(text, /from"\.\/other\.js"/);
  assert.match(text, /new URL\("\.\/other\.js",import\.meta\.url\)/);
  const { hello, name } = await run(text);
  assert.equal(hello("you"), "// no comment, you\\/\\*.*");
  assert.equal(name, "Refused"); // what people may meet in a report
});

test("what is no module stops the build, with its name", () => assert.rejects(slim("function (", "lib/it.js"), /lib\/it\.js is no module/));
