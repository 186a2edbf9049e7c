import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../testing/clock.js";
import { Countdown } from "./countdown.js";

function begin() {
  const clock = new FakeClock();
  /** @type {number[]} */
  const shown = [];
  const countdown = new Countdown(() => shown.push(countdown.left), clock);
  return { clock, shown, countdown };
}

test("three, two, one", async () => {
  const { clock, shown, countdown } = begin();
  const counted = countdown.run();
  for (let second = 0; second < 3; second++) clock.advance(1000);
  assert.equal(await counted, true);
  assert.deepEqual(shown, [3, 2, 1, 0]);
  assert.equal(clock.pending, 0);
});

test("it can be cancelled, and is then over at once", async () => {
  const { clock, shown, countdown } = begin();
  const counted = countdown.run();
  clock.advance(1000);
  countdown.cancel();
  countdown.cancel();
  assert.equal(await counted, false);
  assert.deepEqual(shown, [3, 2, 0]);
  assert.equal(clock.pending, 0);
});
