import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../testing/clock.js";
import { Timers } from "./timers.js";

/** A worker whose time goes by a clock. @param {FakeClock} clock */
function fakeWorker(clock) {
  /** @type {Map<number, number>} */
  const running = new Map();
  /** @type {import("./timers.js").TimerWorker} */
  const worker = {
    onmessage: null,
    onerror: null,
    postMessage: ({ timer, ms }) => {
      clock.clearTimeout(running.get(timer) ?? 0);
      if (ms !== null) running.set(timer, clock.setTimeout(() => worker.onmessage?.(/** @type {any} */ ({ data: timer })), ms));
    },
  };
  return worker;
}

test("the worker keeps the time", () => {
  const [clock, own] = [new FakeClock(), new FakeClock()];
  const timers = new Timers(() => fakeWorker(clock), own);
  /** @type {string[]} */
  const run = [];
  timers.setTimeout(() => run.push("late"), 200);
  const cleared = timers.setTimeout(() => run.push("never"), 100);
  timers.setTimeout(() => run.push("early"), 50);
  timers.clearTimeout(cleared);
  timers.clearTimeout(12345);
  clock.advance(300);
  assert.deepEqual(run, ["early", "late"]);
  assert.deepEqual([clock.pending, own.pending], [0, 0]);
});

test("without a worker, and when it fails, the page's own timers do it", () => {
  const own = new FakeClock();
  /** @type {number[]} */
  const run = [];
  const none = new Timers(() => { throw new Error("no"); }, own);
  none.setTimeout(() => run.push(1), 100);
  none.clearTimeout(none.setTimeout(() => run.push(2), 100));
  own.advance(100);
  assert.deepEqual(run, [1]);
  const worker = fakeWorker(new FakeClock());
  const failing = new Timers(() => worker, own);
  failing.setTimeout(() => run.push(3), 100);
  own.advance(40);
  worker.onerror?.(null);
  own.advance(59);
  assert.deepEqual(run, [1]);
  own.advance(1);
  failing.setTimeout(() => run.push(4), 10);
  own.advance(10);
  assert.deepEqual(run, [1, 3, 4]);
});
