import assert from "node:assert/strict";
import { test } from "node:test";
import { forget, keep, parse, socketAddress, subprotocols, take } from "./credentials.js";

const given = { channel: "demo", streamKey: "k", token: "a.b.c" };

function memory() {
  /** @type {Map<string, string>} */
  const map = new Map();
  return {
    get: (/** @type {string} */ key) => map.get(key) ?? null,
    set: (/** @type {string} */ key, /** @type {string} */ value) => void map.set(key, value),
    remove: (/** @type {string} */ key) => void map.delete(key),
  };
}

test("reads a fragment, a whole link, and bare fields", () => {
  for (const start of ["#", "https://live.example/broadcast#", ""]) {
    assert.deepEqual(parse(`${start}channel=demo&streamKey=k&token=a.b.c `), given);
  }
});

test("a link without a stream key is none", () => {
  assert.equal(parse("https://live.example/broadcast"), null);
  assert.equal(parse("#channel=demo"), null);
  assert.equal(parse(""), null);
});

test("takes the secret out of the address bar and remembers it", () => {
  const store = memory();
  /** @type {string[]} */
  const shown = [];
  const history = { replaceState: (/** @type {unknown} */ _, /** @type {string} */ __, /** @type {string} */ url) => void shown.push(url) };
  const link = { hash: "#channel=demo&streamKey=k&token=a.b.c", pathname: "/broadcast" };
  assert.deepEqual(take(store, link, history), given);
  assert.deepEqual(shown, ["/broadcast"]);
  assert.deepEqual(take(store, { ...link, hash: "" }, history), given);
  assert.equal(shown.length, 1);
  forget(store);
  assert.equal(take(store, { ...link, hash: "" }, history), null);
});

test("what is kept comes back whole, whatever stands in it", () => {
  const store = memory();
  const odd = { channel: "a b", streamKey: "k&=#+%", token: "" };
  keep(store, odd);
  assert.deepEqual(take(store, { hash: "", pathname: "/" }, { replaceState: () => {} }), odd);
});

test("the token goes as a subprotocol and never in the address", () => {
  assert.equal(socketAddress({ protocol: "https:", host: "h:1" }, given), "wss://h:1/ws?streamKey=k");
  assert.equal(socketAddress({ protocol: "http:", host: "h" }, given), "ws://h/ws?streamKey=k");
  assert.equal(socketAddress({ protocol: "http:", host: "h" }, { ...given, streamKey: "" }), "ws://h/ws");
  assert.deepEqual(subprotocols(given), ["bearer.a.b.c"]);
  assert.deepEqual(subprotocols({ ...given, token: "" }), []);
});
