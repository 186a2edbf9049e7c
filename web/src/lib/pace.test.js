import assert from "node:assert/strict";
import { test } from "node:test";
import { delayOf, Pace } from "./pace.js";

test("a delay that is not known is the lowest", () => {
  assert.deepEqual([null, "", "fast", "balanced", "safe"].map(delayOf), ["low", "low", "low", "balanced", "safe"]);
});

test("one stall is nothing, a second within 45 s moves back, and never for ever", () => {
  const pace = new Pace("low");
  assert.equal(pace.target, 2);
  assert.equal(pace.stalled(0), false);
  assert.equal(pace.stalled(60_000), false, "long after the first");
  assert.equal(pace.movedBack, false);
  assert.equal(pace.stalled(70_000), true);
  assert.deepEqual([pace.target, pace.movedBack], [4, true]);
  assert.equal(pace.stalled(71_000), false, "counted anew");
  for (let at = 72_000; at < 200_000; at += 1000) pace.stalled(at);
  assert.equal(pace.target, 16);
  assert.equal(pace.stalled(200_500), false, "there is no further back");
  pace.choose("safe");
  assert.deepEqual([pace.wanted, pace.target, pace.movedBack], ["safe", 10, false]);
});

test("hurries by three in a hundred until it is there, and only with something in the buffer", () => {
  const pace = new Pace("balanced");
  assert.equal(pace.rate({ behind: 4.3, buffered: 3, rate: 1 }), 1);
  assert.equal(pace.rate({ behind: 4.6, buffered: 3, rate: 1 }), 1.03);
  assert.equal(pace.rate({ behind: 4.3, buffered: 3, rate: 1.03 }), 1.03);
  assert.equal(pace.rate({ behind: 4.05, buffered: 3, rate: 1.03 }), 1);
  assert.equal(pace.rate({ behind: 9, buffered: 0.5, rate: 1.03 }), 1);
});

test("no nearer than two segments, however long the server makes them", () => {
  const pace = new Pace("low");
  assert.equal(pace.cutInto(1), false);
  assert.equal(pace.cutInto(4), true);
  assert.equal(pace.target, 8);
  pace.choose("safe");
  assert.equal(pace.target, 10);
});

test("live is a little more than what was asked for", () => {
  assert.deepEqual([5.9, 6.1].map((behind) => new Pace("low").isLive(behind)), [true, false]);
  assert.equal(new Pace("safe").isLive(12), true);
});
