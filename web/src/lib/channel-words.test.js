import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcastFacts, privateWords } from "./channel-words.js";

test("a broadcast that is over: when, how long, how many", () => {
  const one = /** @type {import("./types.js").Broadcast} */ ({ started_at: "2026-11-20T18:30:00Z", media_time: 3725.4, viewers_peak: 12 });
  assert.equal(broadcastFacts(one, "en-GB", "UTC"), "Fri 20 Nov, 18:30 · 1:02:05 · 12 viewers at most");
  assert.match(broadcastFacts({ ...one, viewers_peak: 1 }, "en-GB", "UTC"), /1 viewer at most$/);
  for (const viewers_peak of [0, null]) assert.match(broadcastFacts({ ...one, viewers_peak }, "en-GB", "UTC"), /1:02:05$/);
});

test("who is signed in is not asked to sign in", () => {
  assert.match(privateWords(false).words, /sign in/);
  assert.doesNotMatch(privateWords(true).words, /sign in/);
});
