import assert from "node:assert/strict";
import { test } from "node:test";
import { CELLS, decode, encode, since } from "./time-code.js";

const shown = (/** @type {number} */ ms) => encode(ms).map((light) => (light ? 200 : 40));

test("a time that is drawn can be read", () => {
  for (const ms of [0, 1, 255, 12_345, 65_535]) {
    assert.equal(encode(ms).length, CELLS);
    assert.equal(decode(shown(ms)), ms);
  }
  assert.equal(decode(shown(70_000.7)), 70_000 - 65_536);
});

test("what is no time is not read", () => {
  assert.equal(decode(new Array(CELLS).fill(0)), null);
  assert.equal(decode(new Array(CELLS).fill(255)), null);
  assert.equal(decode([]), null);
  const one = shown(12_345);
  for (let place = 0; place < CELLS; place++) assert.equal(decode(one.map((level, at) => (at === place ? 240 - level : level))), null, `cell ${place}`);
});

test("how old it is, over the turn of the minute, too", () => {
  assert.equal(since(1000, 1080), 0.08);
  assert.equal(since(65_500, 65_536 + 14), 0.05);
});
