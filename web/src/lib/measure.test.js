import assert from "node:assert/strict";
import { test } from "node:test";
import { count, highest, latest, rate, rows, seconds, share, timeOfDay, times } from "./measure.js";

test("figures as they are written at an axis and in a table", () => {
  assert.deepEqual([0, 640_000, 2_500_000, 3_000_000, 120_400_000, 1.25e9].map(rate), ["0", "640 kb/s", "2.5 Mb/s", "3 Mb/s", "120 Mb/s", "1.3 Gb/s"]);
  assert.deepEqual([0, 0.44, 12.4].map(seconds), ["0 s", "0.4 s", "12 s"]);
  assert.deepEqual([share(0.256), times(1), count(3)], ["26 %", "1.00×", "3"]);
  for (const words of [rate, seconds, share, times, count]) assert.equal(words(null), "–");
});

test("how high an axis is", () => {
  assert.equal(highest([[1, null, 7], [3]], 5), 7);
  assert.equal(highest([[], [null]], 5), 5);
});

test("the newest that is known", () => {
  assert.deepEqual([latest([1, 2, null]), latest([null]), latest([])], [2, null, null]);
});

test("a table has a row for each whole step, newest first", () => {
  const found = rows([100, 110, 120, 130, 185], [[1, 2, 3, 4, null], [0, 0, 0, 9, 8]], 60);
  assert.deepEqual(found, [{ at: 180, values: [null, 8] }, { at: 120, values: [4, 9] }, { at: 60, values: [2, 0] }]);
});

test("the time of day", () => {
  const noon = new Date(2026, 10, 21, 12, 3, 4).getTime() / 1000;
  assert.deepEqual([timeOfDay(noon), timeOfDay(noon, true)], ["12:03", "12:03:04"]);
});
