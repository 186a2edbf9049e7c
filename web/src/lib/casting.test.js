import assert from "node:assert/strict";
import { test } from "node:test";
import { offerCast } from "./casting.js";

function begin() {
  /** @type {string[]} */
  const calls = [];
  const note = (/** @type {string} */ name) => () => void calls.push(name);
  const remote = new EventTarget();
  const stand = { remote, src: "", preload: "auto", play: async () => void calls.push("stand plays"), pause: note("stand pauses") };
  const video = { pause: note("video pauses") };
  const tell = offerCast(video, { onbegin: note("begins"), onend: note("ends") }, /** @type {any} */ (stand));
  return { calls, remote, stand, video: /** @type {any} */ (video), tell };
}

test("the receiver plays in the place of the page, until it is let go", () => {
  const { calls, remote, stand, video, tell } = begin();
  assert.equal(video.remote, remote);
  tell("https://tv.example/hls/demo/index.m3u8");
  assert.deepEqual([stand.src, stand.preload], ["https://tv.example/hls/demo/index.m3u8", "none"]);
  remote.dispatchEvent(new Event("connect"));
  remote.dispatchEvent(new Event("disconnect"));
  assert.deepEqual(calls, ["video pauses", "stand plays", "begins", "stand pauses", "ends"]);
});

test("a browser without it is left alone", () => {
  const video = { pause: () => {} };
  offerCast(video, { onbegin: () => {}, onend: () => {} }, /** @type {any} */ ({}))("x");
  assert.equal("remote" in video, false);
});
