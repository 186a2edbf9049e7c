import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeRecorder, fakePublishing, FakeSource } from "../testing/publishing.js";
import { Recorder } from "./recorder.js";

function record() {
  const { clock, environment } = fakePublishing();
  /** @type {(string | number)[]} */
  const told = [];
  const listener = {
    data: (/** @type {Blob} */ { size }) => told.push(size),
    stopped: () => told.push("stopped"),
    failed: () => told.push("failed"),
  };
  const recorder = new Recorder(new FakeSource().stream, { bitrate: 1_000_000 }, listener, environment);
  return { clock, told, recorder, fake: FakeRecorder.last };
}

test("keyframes are asked for by time alone", () => {
  const { options } = record().fake;
  assert.equal(Reflect.get(options, "videoKeyFrameIntervalDuration"), 2000);
  assert.equal("videoKeyFrameIntervalCount" in options, false);
  assert.equal(options.videoBitsPerSecond, 1_000_000);
});

test("empty pieces are left out, and the last one comes before the end", () => {
  const { told, recorder, fake, clock } = record();
  fake.give(0);
  fake.give(5);
  fake.tail = "end";
  recorder.stop();
  recorder.stop();
  assert.deepEqual(told, [5, 3, "stopped"]);
  assert.equal(clock.pending, 0);
});

test("nothing for five seconds is a stall, whenever it comes; empty pieces are nothing", () => {
  const { told, clock, fake } = record();
  for (let i = 0; i < 4; i++) {
    clock.advance(4000);
    fake.give(1);
  }
  for (let i = 0; i < 4; i++) {
    clock.advance(1500);
    fake.give(0);
  }
  assert.deepEqual(told, [1, 1, 1, 1, "failed", "stopped"]);
});

test("an MP4 recorder may take longer", () => {
  const { told, clock, fake } = record();
  fake.mimeType = "video/mp4";
  clock.advance(11_000);
  assert.deepEqual(told, []);
  clock.advance(2000);
  assert.deepEqual(told, ["failed", "stopped"]);
});

test("an error, and an end that nobody asked for, are failures", () => {
  const first = record();
  first.fake.tail = "end";
  first.fake.onerror();
  assert.deepEqual(first.told, ["failed", 3, "stopped"]);
  const second = record();
  second.fake.stop();
  assert.deepEqual(second.told, ["failed", "stopped"]);
});

test("a recorder that does not answer is not waited for, and not heard any more", () => {
  const { told, clock, recorder, fake } = record();
  fake.stuck = true;
  recorder.stop();
  assert.deepEqual(told, []);
  clock.advance(2000);
  fake.give(5);
  fake.onstop();
  assert.deepEqual(told, ["stopped"]);
});
