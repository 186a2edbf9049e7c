import assert from "node:assert/strict";
import { test } from "node:test";
import { Pass } from "./pass.js";
import { Permission } from "./permission.js";
import { PublishError } from "./publish-errors.js";

/** The page's address and the server, for as long as a test runs. @param {import("node:test").TestContext} context @param {(path: string, request: any) => Response} answer */
function onPage(context, answer) {
  const before = { fetch: globalThis.fetch, location: globalThis.location };
  context.after(() => Object.assign(globalThis, before));
  Object.assign(globalThis, { location: { protocol: "https:", host: "tv.example" }, fetch: async (/** @type {string} */ path, /** @type {unknown} */ request) => answer(path, request) });
}

const day = () => new Date(Date.now() + 86_400_000).toISOString();

test("who is signed in connects with a token of the channel, and no stream key", async (context) => {
  /** @type {unknown[]} */
  const asked = [];
  onPage(context, (path, { method, body, headers }) => {
    asked.push([method, path, JSON.parse(body).scope, headers["X-Ingestd"]]);
    return Response.json({ token: "a.b.c", id: "1", expires_at: day() }, { status: 201 });
  });
  const permission = Permission.of("a b");
  await Promise.all([permission.freshen(), permission.freshen()]);
  await permission.freshen();
  assert.deepEqual(asked, [["POST", "/api/v1/channels/a%20b/tokens", "publish", "1"]]);
  assert.equal(permission.papers.url, "wss://tv.example/ws");
  assert.deepEqual(permission.papers.protocols(), ["bearer.a.b.c"]);
});

test("a link's key and token go as they are, and nothing is asked for", async (context) => {
  onPage(context, () => assert.fail("nothing to ask"));
  const permission = new Permission({ channel: "demo", streamKey: "k", token: "t" });
  await permission.freshen();
  assert.equal(permission.papers.url, "wss://tv.example/ws?streamKey=k");
  assert.deepEqual(permission.papers.protocols(), ["bearer.t"]);
});

test("one that the server does not take is made anew; a link is not, and its person is told so", async (context) => {
  let made = 0;
  onPage(context, () => Response.json({ token: `t${++made}`, id: "1", expires_at: day() }, { status: 201 }));
  const permission = Permission.of("demo");
  await permission.freshen();
  const { renew, protocols, advice } = permission.papers;
  await renew?.();
  assert.deepEqual(protocols(), ["bearer.t2"]);
  assert.match(advice, /Sign in again/);
  const linked = new Permission({ channel: "demo", streamKey: "k", token: "t" });
  assert.equal(linked.papers.renew, null);
  assert.match(linked.papers.advice, /Open a new broadcast link/);
});

test("another permission serves where it is for the same channel", () => {
  const of = (/** @type {string} */ channel) => new Permission({ channel, streamKey: "k", token: "" });
  assert.deepEqual(["a", "b", ""].map((channel) => of("a").serves(of(channel))), [true, false, true]);
});

test("no permission is a problem in words", async (context) => {
  let status = 401;
  onPage(context, () => Response.json({ error: { code: "x", message: "You are not allowed." } }, { status }));
  const code = async () => Permission.of("demo").freshen().catch((error) => error instanceof PublishError && [error.code, error.message]);
  assert.deepEqual(await code(), ["signed_out", "You are not signed in any more. Sign in again, then go live."]);
  status = 403;
  assert.deepEqual(await code(), ["no_permission", "The server does not let you broadcast now. (You are not allowed.)"]);
});

test("a pass is renewed at half of its time, and the old one serves until then", async () => {
  let now = 1_000_000;
  let made = 0;
  let works = true;
  const mint = async () => {
    if (!works) throw new Error("no");
    return { token: `t${++made}`, id: "i", expires_at: new Date(now + 100_000).toISOString() };
  };
  const pass = new Pass(mint, () => now);
  assert.equal(pass.token, "");
  await pass.freshen();
  now += 49_000;
  await pass.freshen();
  assert.equal(pass.token, "t1");
  now += 2000;
  works = false;
  await assert.rejects(pass.freshen());
  assert.equal(pass.token, "t1");
  works = true;
  await pass.freshen();
  assert.equal(pass.token, "t2");
});
