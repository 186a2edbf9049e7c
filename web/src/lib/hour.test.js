import assert from "node:assert/strict";
import { test } from "node:test";
import { Hour } from "./hour.js";

/** @typedef {import("./types.js").Column} Column */

/** An answer whose newest measurement has this number, and these viewers before it. @param {number | null} newest @param {Column} viewers */
function answer(newest, viewers) {
  const none = viewers.map(() => null);
  const zero = viewers.map(() => 0);
  const machine = { cores: 2, memory_bytes: 2, memory_available_bytes: 1, disk_bytes: 2, disk_free_bytes: 1 };
  const figures = { publishers: zero, webrtc_viewers: none, webrtc_publishers: none, bandwidth_in: none, bandwidth_out: none, cpu: none, memory: zero, disk: zero, lag: zero, restarts: zero };
  return { newest, step: 5, seconds_ago: newest === null ? null : 1, viewers, ...figures, broadcasts: { live: viewers, stalled: zero }, machine };
}

test("a long answer first, then short ones that overlap", () => {
  const hour = new Hour();
  assert.equal(hour.wanted(1000), 3600);
  hour.add(answer(202, [1, 2, 3]), 1001);
  assert.equal(hour.wanted(1006), 20);
  hour.add(answer(203, [2, 3, 4]), 1006);
  assert.deepEqual(hour.of("viewers"), [1, 2, 3, 4]);
  assert.deepEqual(hour.times, [990, 995, 1000, 1005]);
  assert.equal(hour.last("viewers"), 4);
});

test("the same answer twice changes nothing, and small differences of clocks move no point", () => {
  const hour = new Hour();
  hour.add(answer(202, [1, 2, 3]), 1001);
  const before = hour.times;
  hour.add(answer(202, [2, 3]), 1003.5);
  assert.deepEqual([hour.of("viewers"), hour.times], [[1, 2, 3], before]);
});

test("what was missed stays empty, and is asked for", () => {
  const hour = new Hour();
  hour.add(answer(202, [1, 2]), 1001);
  assert.equal(hour.wanted(1100), 114);
  hour.add(answer(206, [9, 9]), 1021);
  assert.deepEqual(hour.of("viewers"), [1, 2, null, null, 9, 9]);
  assert.equal(hour.wanted(10_000), 3600);
});

test("a server that began anew on the same machine goes on, on another one it begins", () => {
  const hour = new Hour();
  hour.add(answer(202, [1, 2]), 1001);
  hour.add(answer(null, []), 1004);
  hour.add(answer(204, [7]), 1011);
  assert.deepEqual(hour.of("viewers"), [1, 2, null, 7]);
  hour.add(answer(3, [8]), 1016);
  assert.deepEqual([hour.of("viewers"), hour.times], [[8], [1015]]);
});

test("it holds an hour", () => {
  const hour = new Hour();
  hour.add(answer(5000, Array(720).fill(1)), 1001);
  hour.add(answer(5002, [2, 2]), 1011);
  assert.equal(hour.times.length, 720);
  assert.deepEqual(hour.of("viewers").slice(-3), [1, 2, 2]);
});

test("states are added up, where anything is known of them", () => {
  const hour = new Hour();
  hour.add(answer(202, [1, 2]), 1001);
  assert.deepEqual(hour.sum(["live", "stalled", "backing_off"]), [1, 2]);
  assert.deepEqual(hour.sum(["cpu", "bandwidth_in"]), [null, null]);
});
