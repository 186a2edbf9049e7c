import assert from "node:assert/strict";
import { test } from "node:test";
import { along, gainOf, Meter } from "./meter.js";

test("along the meter by decibels", () => {
  assert.deepEqual([0, 0.0001, 0.001, 1, 7].map(along), [0, 0, 0, 1, 1]);
  assert.ok(Math.abs(along(0.1) - 2 / 3) < 1e-9);
});

test("the slider's middle leaves the sound as it is", () => {
  assert.deepEqual([0, 50, 100, 200].map(gainOf), [0, 0.25, 1, 4]);
});

test("up at once, down slowly, the highest held", () => {
  const meter = new Meter();
  meter.note(0, 0.5);
  assert.equal(meter.level, along(0.5));
  meter.note(500, 0);
  assert.ok(Math.abs(meter.level - (along(0.5) - 0.25)) < 1e-9);
  assert.equal(meter.hold, along(0.5));
  for (let now = 600; now <= 1400; now += 100) meter.note(now, 0);
  assert.equal(meter.hold, along(0.5));
  for (let now = 1500; now <= 6000; now += 100) meter.note(now, 0);
  assert.deepEqual([meter.level, meter.hold], [0, 0]);
});

test("whatever comes, level and hold stay on the meter, and the hold is never lower", () => {
  const meter = new Meter();
  for (let index = 0, now = 0; index < 2000; index++, now += (index % 7) * 90) {
    meter.note(now, Math.abs(Math.sin(index * 12.9)) ** 3 * 1.5);
    assert.ok(meter.level >= 0 && meter.level <= meter.hold && meter.hold <= 1);
  }
});

test("too loud is said for a while", () => {
  const meter = new Meter();
  meter.note(1000, 0.9);
  assert.equal(meter.clipped(1000), false);
  meter.note(1016, 1);
  assert.deepEqual([meter.clipped(2000), meter.clipped(6016)], [true, false]);
});
