import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../testing/clock.js";
import { Ticker } from "./ticker.js";

test("thirty a second, without drift, until it is stopped", () => {
  const clock = new FakeClock();
  let beats = 0;
  const ticker = new Ticker(30, () => (beats += 1), clock);
  clock.advance(10_000.5);
  assert.equal(beats, 300);
  ticker.stop();
  clock.advance(1000);
  assert.deepEqual([beats, clock.pending], [300, 0]);
});

test("beats that are missed are left out", () => {
  const clock = new FakeClock();
  let late = 0;
  const environment = { ...clock, setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => clock.setTimeout(run, ms + late) };
  /** @type {number[]} */
  const at = [];
  const ticker = new Ticker(10, () => at.push(clock.now()), environment);
  clock.advance(200);
  late = 350;
  clock.advance(100);
  late = 0;
  clock.advance(900);
  assert.deepEqual(at, [100, 200, 300, 750, 800, 900, 1000, 1100, 1200]);
  ticker.stop();
});

test("a beat may stop it", () => {
  const clock = new FakeClock();
  let beats = 0;
  const ticker = new Ticker(30, () => ((beats += 1), ticker.stop()), clock);
  clock.advance(1000);
  assert.equal(beats, 1);
});
