import assert from "node:assert/strict";
import { test } from "node:test";
import { call, channelPath, fetchMyChannels } from "./api.js";

/** @param {import("node:test").TestContext} context @param {(path: string, request: any) => Response} answer */
function serve(context, answer) {
  const before = globalThis.fetch;
  context.after(() => (globalThis.fetch = before));
  globalThis.fetch = /** @type {any} */ (async (/** @type {string} */ path, /** @type {any} */ request) => answer(path, request));
}

test("only what changes something carries the header that no form can send", async (context) => {
  /** @type {any[]} */
  const seen = [];
  serve(context, (path, request) => (seen.push({ path, ...request }), new Response(null, { status: 204 })));
  await call("GET", "/session");
  await call("DELETE", "/session");
  await call("POST", "/users", { name: "ana" }, "t");
  assert.deepEqual(seen.map(({ headers }) => headers["X-Ingestd"]), [undefined, "1", "1"]);
  assert.deepEqual(seen.map(({ headers }) => headers.Authorization), [undefined, undefined, "Bearer t"]);
  assert.deepEqual([seen[2].path, seen[2].body, seen[2].headers["Content-Type"]], ["/api/v1/users", '{"name":"ana"}', "application/json"]);
});

test("a file goes as it is, with its type", async (context) => {
  const file = new Blob(["x"], { type: "image/png" });
  serve(context, (_, { body, headers }) => (assert.equal(body, file), Response.json(headers)));
  assert.deepEqual(await call("PUT", "/channels/a/picture", file), { Accept: "application/json", "X-Ingestd": "1", "Content-Type": "image/png" });
});

test("a refusal is an error with the server's words", async (context) => {
  serve(context, () => Response.json({ error: { code: "exists", message: "It exists." } }, { status: 409 }));
  await assert.rejects(call("POST", "/users", {}), { code: "exists", message: "It exists.", status: 409 });
});

test("no answer, and one that makes no sense", async (context) => {
  serve(context, () => new Response("<html>", { status: 502 }));
  await assert.rejects(call("GET", "/users"), { code: "http_502", status: 502 });
  serve(context, () => assert.fail("down"));
  await assert.rejects(call("GET", "/users"), { code: "unreachable", status: 0 });
});

test("mine are the channels on which I may do something", async (context) => {
  const channel = (/** @type {string} */ name, /** @type {boolean} */ publish, /** @type {boolean} */ manage) => ({ channel: name, title: "", broadcast: null, may: { publish, manage } });
  serve(context, () => Response.json({ channels: [channel("a", true, false), channel("b", false, false), channel("c", false, true)] }));
  assert.deepEqual((await fetchMyChannels()).map((one) => one.channel), ["a", "c"]);
});

test("nothing in a path gets out of its place", () => {
  assert.equal(channelPath("../users", "keys", "a/b"), "/channels/..%2Fusers/keys/a%2Fb");
});
