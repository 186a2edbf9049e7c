import assert from "node:assert/strict";
import { test } from "node:test";
import { forgetToken, keepToken, playlistLink, takeToken, throughToken, tokenIn, watchLink, withToken } from "./watch-links.js";

const TOKEN = "aa.b-b.c_c";

function memory() {
  /** @type {Map<string, string>} */
  const map = new Map();
  return {
    get: (/** @type {string} */ key) => map.get(key) ?? null,
    set: (/** @type {string} */ key, /** @type {string} */ value) => void map.set(key, value),
    remove: (/** @type {string} */ key) => void map.delete(key),
  };
}

test("the token of a link is found in the link, in its fragment, and alone", () => {
  const link = watchLink("https://tv.example", "staff", TOKEN);
  assert.equal(link, `https://tv.example/watch/staff#token=${TOKEN}`);
  for (const text of [link, ` ${link}\n`, `#token=${TOKEN}`, `token=${TOKEN}`, TOKEN]) assert.equal(tokenIn(text), TOKEN);
  for (const text of ["", "https://tv.example/watch/staff", "#content", "hello"]) assert.equal(tokenIn(text), "");
});

test("the token leaves the address bar, is kept for its channel alone, and can be forgotten", () => {
  const store = memory();
  /** @type {string[]} */
  const shown = [];
  const history = { replaceState: (/** @type {unknown} */ _, /** @type {string} */ __, /** @type {string} */ url) => void shown.push(url) };
  const at = (/** @type {string} */ hash) => ({ hash, pathname: "/watch/staff" });
  assert.equal(takeToken(store, "staff", at(`#token=${TOKEN}`), history), TOKEN);
  assert.deepEqual(shown, ["/watch/staff"]);
  assert.equal(takeToken(store, "staff", at("#content"), history), TOKEN);
  assert.equal(shown.length, 1);
  assert.equal(takeToken(store, "other", at(""), history), "");
  forgetToken(store, "staff");
  assert.equal(takeToken(store, "staff", at(""), history), "");
  keepToken(store, "staff", TOKEN);
  assert.equal(takeToken(store, "staff", at(""), history), TOKEN);
});

test("a token in a playlist's address, and in those of other files", () => {
  assert.equal(playlistLink("https://tv.example", "staff", TOKEN), `https://tv.example/hls/staff/index.m3u8?token=${TOKEN}`);
  assert.equal(withToken("/hls/staff/index.m3u8?a=1", TOKEN), `/hls/staff/index.m3u8?a=1&token=${TOKEN}`);
  assert.equal(withToken("/hls/staff/index.m3u8", ""), "/hls/staff/index.m3u8");
  assert.equal(throughToken("/hls/staff/b1/poster.jpg?3", TOKEN), `/hls/-/${TOKEN}/staff/b1/poster.jpg?3`);
  assert.equal(throughToken("/hls/staff/b1/poster.jpg?3", ""), "/hls/staff/b1/poster.jpg?3");
});
