import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcast } from "../testing/broadcast.js";
import { interruptionWords, tell } from "./record.js";

/** @param {Partial<import("./types.js").Broadcast>} [changes] @param {Partial<import("./record.js").ServerRecord>} [more] @returns {import("./record.js").ServerRecord} */
function record(changes = {}, more = {}) {
  return { broadcast: broadcast({ state: "ended", media_time: 754.3, viewers: null, viewers_peak: 17, ...changes }), complete: true, given_up_bytes: 0, interruptions: [], ...more };
}

const away = (/** @type {number} */ seconds) => ({ since: "2026-11-21T02:00:00Z", seconds, what: /** @type {const} */ ("publisher") });

test("a broadcast of which nothing was lost", () => {
  const told = tell([record()], { recordedSeconds: 754.4, lostSeconds: 0 });
  assert.equal(told.light, "good");
  assert.equal(told.sentence, "Nothing was lost: all 12:34 that were recorded stand in the playlist.");
  assert.deepEqual(told.figures.map(({ name, words }) => `${name}: ${words}`), ["Length: 12:34", "Most viewers at once: 17", "Interruptions: None", "Lost: Nothing"]);
});

test("where nobody counts viewers, none are told", () => {
  assert.ok(!tell([record({ viewers_peak: null })], { recordedSeconds: 1, lostSeconds: 0 }).figures.some(({ id }) => id === "peak"));
});

test("what was lost is said, here or on the server", () => {
  const here = tell([record()], { recordedSeconds: 760, lostSeconds: 5.6 });
  assert.deepEqual([here.light, here.sentence, here.figures.at(-1)?.words], ["care", "6 s could not be delivered and are lost.", "0:06"]);
  const there = tell([record({}, { given_up_bytes: 900 })], { recordedSeconds: 760, lostSeconds: 0 });
  assert.deepEqual([there.light, there.figures.at(-1)?.words], ["care", "Some"]);
});

test("broadcasts that followed each other are one to whoever made them", () => {
  const told = tell([record({ media_time: 60, viewers_peak: 9 }, { interruptions: [away(70)] }), record({ media_time: 30, viewers_peak: 4 })], { recordedSeconds: 90, lostSeconds: 0 });
  assert.deepEqual(told.figures.map(({ words }) => words), ["1:30", "9", "1 (1:10 min)", "Nothing"]);
});

test("interruptions: how many, how long", () => {
  assert.equal(interruptionWords([away(0.4)]), "1 (1 s)");
  assert.equal(interruptionWords([away(3.2), away(9)]), "2 (12 s in all)");
});

test("of what was not kept, nobody says that nothing was lost", () => {
  const { sentence, figures } = tell([record()], { recordedSeconds: 60, lostSeconds: 0, kept: false });
  assert.equal(sentence, "All that arrived stands in the playlist. By WebRTC, what the network lost on the way is lost.");
  assert.ok(figures.every(({ id }) => id !== "lost"));
});
