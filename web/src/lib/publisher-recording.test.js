import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { begin, goLive, record } from "../testing/live.js";
import { FakeRecorder, fakePublishing, FakeSocket, FakeSource } from "../testing/publishing.js";
import { Backlog } from "./backlog.js";
import { Capture } from "./capture.js";
import { PublishError } from "./publish-errors.js";

test("another source is a new epoch: its recorder starts first, the last piece of the old one comes first", async () => {
  const { publisher, source } = await goLive();
  const screen = new FakeSource();
  FakeRecorder.last.tail = "tail";
  assert.equal(publisher.switchTo(screen, 500_000), true);
  FakeRecorder.last.give("new");
  assert.equal(publisher.state, "live");
  assert.deepEqual((await FakeSocket.last.transcript()).slice(1), ["abcd", "tail", { type: "epoch", epoch: 1, mime: "video/webm;codecs=h264,opus" }, "new"]);
  assert.deepEqual([source.calls, screen.calls], [["release", "close"], ["release"]]);
  assert.equal(FakeRecorder.last.options.videoBitsPerSecond, 500_000);
  source.onended?.("gone");
  assert.equal(publisher.state, "live");
});

test("one that is replaced before it plays ends nothing", async () => {
  const { publisher } = await goLive();
  /** @type {(error: Error) => void} */
  let fail = () => {};
  const file = new FakeSource();
  file.release = () => new Promise((_, failed) => (fail = failed));
  publisher.switchTo(file, 1);
  publisher.switchTo(new FakeSource(), 1);
  fail(new DOMException("interrupted", "AbortError"));
  await settle();
  assert.equal(publisher.state, "live");
});

test("what a source gives only when it is replaced is an epoch of its own, before the next one's", async () => {
  const { publisher } = await goLive();
  publisher.switchTo(new FakeSource(), 1);
  FakeRecorder.last.tail = "short";
  publisher.switchTo(new FakeSource(), 1);
  FakeRecorder.last.give("new");
  const epoch = { type: "epoch", epoch: 1, mime: "video/webm;codecs=h264,opus" };
  assert.deepEqual((await FakeSocket.last.transcript()).slice(2), [epoch, "short", { ...epoch, epoch: 2 }, "new"]);
});

test("what comes when the next recorder has begun its epoch already, has no place any more", async () => {
  const { publisher } = await goLive();
  publisher.switchTo(new FakeSource(), 1);
  const late = FakeRecorder.last;
  late.stuck = true;
  publisher.switchTo(new FakeSource(), 1);
  FakeRecorder.last.give("new");
  late.give("late");
  FakeRecorder.last.give("er");
  const epoch = { type: "epoch", epoch: 1, mime: "video/webm;codecs=h264,opus" };
  assert.deepEqual((await FakeSocket.last.transcript()).slice(2), [epoch, "new", "er"]);
});

test("what a source gives when nothing is wanted any more is not kept", () => {
  const { environment } = fakePublishing();
  const backlog = new Backlog();
  const capture = new Capture({ recorded() {}, over() {}, failed() {} }, environment);
  capture.adopt(new FakeSource(), 1);
  capture.record(backlog);
  FakeRecorder.last.tail = "late";
  capture.close();
  assert.equal(backlog.begun, false);
});

test("a source that cannot be recorded leaves the old one on air", async () => {
  const { publisher, source } = await goLive();
  const old = FakeRecorder.last;
  FakeRecorder.refuses = true;
  assert.throws(() => publisher.switchTo(new FakeSource(), 1), PublishError);
  assert.equal(old.state, "recording");
  old.give("e");
  assert.equal(publisher.state, "live");
  assert.equal(await FakeSocket.last.bytes(), "abcde");
  source.onended?.("The file is over.");
  assert.equal(publisher.state, "stopping");
});

test("switched while the connection is away; the server goes on with the later epoch", async () => {
  const { publisher, clock } = await goLive();
  FakeSocket.last.lose(1006);
  publisher.switchTo(new FakeSource(), 1);
  FakeRecorder.last.give("new");
  clock.advance(0);
  FakeSocket.last.ready(1, 1);
  assert.equal(await FakeSocket.last.bytes(), "ew");
});

test("a server that asked for the later epoch, was killed, and asks for the earlier one, gets all of both", async () => {
  const { publisher, clock } = await goLive();
  FakeRecorder.last.tail = "efgh";
  publisher.switchTo(new FakeSource(), 1);
  FakeRecorder.last.give("new");
  FakeSocket.last.lose(1006);
  clock.advance(0);
  FakeSocket.last.ready(1, 3);
  FakeRecorder.last.give("er");
  assert.deepEqual((await FakeSocket.last.transcript()).slice(1), ["er"]);
  assert.equal(publisher.statistics.unsafeSeconds, 1);
  FakeSocket.last.lose(1006);
  clock.advance(300);
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.words, [{ type: "resume", broadcast: "b1", epoch: 0, offset: 0 }]);
  FakeSocket.last.ready(0, 2);
  FakeRecorder.last.give("!");
  const epoch = { type: "epoch", epoch: 1, mime: "video/webm;codecs=h264,opus" };
  assert.deepEqual((await FakeSocket.last.transcript()).slice(1), ["cd", "efgh", epoch, "new", "er", "!"]);
  FakeSocket.last.say({ type: "ack", epoch: 1, offset: 3, media_time: 0 });
  FakeSocket.last.lose(1006);
  clock.advance(600);
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.words, [{ type: "resume", broadcast: "b1", epoch: 1, offset: 3 }]);
});

test("nothing to switch before it records, or after it has stopped", async () => {
  const { publisher, order } = begin();
  await publisher.start(order);
  assert.equal(publisher.switchTo(new FakeSource(), 1), false);
  FakeSocket.last.ready();
  FakeRecorder.last.give("a");
  publisher.stop();
  assert.equal(publisher.switchTo(new FakeSource(), 1), false);
});

test("a recorder that stalls is followed by another one, in the next epoch", async () => {
  const { publisher, clock } = await goLive();
  FakeRecorder.last.stuck = true;
  for (let i = 0; i < 5; i++) {
    clock.advance(1000);
    FakeSocket.last.status();
  }
  assert.equal(FakeRecorder.all.length, 2);
  FakeRecorder.last.give("new");
  clock.advance(2000);
  assert.equal(publisher.state, "live");
  assert.deepEqual((await FakeSocket.last.transcript()).slice(2), [{ type: "epoch", epoch: 1, mime: "video/webm;codecs=h264,opus" }, "new"]);
});

test("recorders that give nothing at all are not started for ever; what there is, is delivered", async () => {
  const { publisher, clock } = await goLive();
  for (let i = 0; i < 30; i++) {
    clock.advance(1000);
    FakeSocket.last.status();
  }
  assert.equal(FakeRecorder.all.length, 4);
  assert.equal(publisher.state, "stopping");
  assert.match(publisher.message, /recorder gave up/);
  assert.deepEqual(FakeSocket.last.words.at(-1), { type: "stop" });
});

test("a recorder that cannot start is a failure", async () => {
  const { publisher, order } = begin();
  await publisher.start(order);
  FakeRecorder.refuses = true;
  FakeSocket.last.ready();
  assert.equal(publisher.errorCode, "no_recorder");
});

test("the bound: recording stops and says so, and what was recorded is delivered", async () => {
  const all = await goLive();
  const { publisher, clock } = all;
  FakeSocket.last.lose(1006);
  for (let i = 0; i < 700 && publisher.state !== "stopping"; i++) {
    record(all, "x");
    if (i % 60 === 0) FakeSocket.last.lose(1006);
  }
  assert.equal(publisher.state, "stopping");
  assert.ok(Math.abs(publisher.statistics.unsafeSeconds - 600) <= 1);
  FakeSocket.last.lose(1006);
  clock.advance(5000);
  FakeSocket.last.ready(0, 0);
  assert.match(publisher.message, /Recording has stopped: 10 minutes/);
  assert.equal((await FakeSocket.last.bytes()).length, 603);
  assert.deepEqual(FakeSocket.last.words.at(-1), { type: "stop" });
});

test("an upload that is too slow lowers the bitrate by a new epoch", async () => {
  const all = await goLive();
  record(all, "x".repeat(20));
  assert.equal(all.publisher.statistics.slow, true);
  assert.equal(FakeRecorder.all.length, 2);
  assert.equal(FakeRecorder.last.options.videoBitsPerSecond, 600_000);
  assert.equal(all.source.calls.includes("close"), false);
  record(all, "x".repeat(20));
  assert.equal(FakeRecorder.last.options.videoBitsPerSecond, 360_000);
});

test("a lowered bitrate climbs back after a calm time, stays for the next source, and goes with another wish", async () => {
  const all = await goLive();
  const { publisher } = all;
  record(all, "x".repeat(20));
  assert.deepEqual([publisher.statistics.bitrate, publisher.statistics.wantedBitrate, publisher.statistics.lowered], [600_000, 1_000_000, true]);
  publisher.switchTo(new FakeSource(), 1_000_000);
  assert.equal(FakeRecorder.last.options.videoBitsPerSecond, 600_000);
  const calm = () => {
    all.clock.advance(1000);
    FakeRecorder.last.give("x");
    FakeSocket.last.status({ latency: publisher.statistics.unsafeSeconds });
  };
  const before = FakeRecorder.all.length;
  for (let second = 0; second < 60 && FakeRecorder.all.length === before; second++) calm();
  assert.equal(FakeRecorder.last.options.videoBitsPerSecond, 1_000_000);
  assert.equal(publisher.statistics.lowered, false);
  publisher.switchTo(new FakeSource(), 400_000);
  assert.equal(FakeRecorder.last.options.videoBitsPerSecond, 400_000);
});

test("a lower bitrate takes a smaller picture first; a source that is gone meanwhile is not recorded again", async () => {
  const all = await goLive();
  /** @type {number[]} */
  const sizes = [];
  /** @type {() => void} */
  let done = () => {};
  const suit = (/** @type {number} */ bitrate) => (sizes.push(bitrate), new Promise((/** @type {(value: void) => void} */ suited) => (done = suited)));
  Object.assign(all.source, { suit });
  record(all, "x".repeat(20));
  assert.deepEqual([sizes, FakeRecorder.all.length], [[600_000], 1]);
  done();
  await settle();
  assert.equal(FakeRecorder.last.options.videoBitsPerSecond, 600_000);
  record(all, "x".repeat(20));
  all.publisher.switchTo(new FakeSource(), 2_000_000);
  const { length } = FakeRecorder.all;
  done();
  await settle();
  assert.equal(FakeRecorder.all.length, length);
});

test("a keyframe for each of the server's segments", async () => {
  const { publisher } = await goLive();
  assert.equal(Reflect.get(FakeRecorder.last.options, "videoKeyFrameIntervalDuration"), 1000);
  FakeSocket.last.lose(1006);
  publisher.hurry();
  FakeSocket.last.open();
  FakeSocket.last.say({ type: "ready", broadcast: "b1", epoch: 0, offset: 0, segment: 4 });
  publisher.switchTo(new FakeSource(), 1_000_000);
  assert.equal(Reflect.get(FakeRecorder.last.options, "videoKeyFrameIntervalDuration"), 2000);
});

test("a server that is in trouble itself does not make the upload slow", async () => {
  const all = await goLive();
  for (let i = 0; i < 30; i++) {
    all.clock.advance(1000);
    FakeRecorder.last.give("x");
    FakeSocket.last.status({ state: "stalled", latency: 0 });
  }
  assert.equal(all.publisher.statistics.slow, false);
  assert.equal(FakeRecorder.all.length, 1);
});

test("away from the server memory holds 8 MB, the database the rest, and none of it is left at the end", async () => {
  const { publisher, clock, store } = await goLive();
  FakeSocket.last.lose(1006);
  for (let i = 0; i < 30; i++) {
    clock.advance(1000);
    FakeRecorder.last.give(1_000_000);
    await settle();
  }
  assert.ok(store.bytes >= 22_000_000);
  FakeSocket.last.ready(0, 0);
  while ((await FakeSocket.last.bytes()).length < 30_000_004) await settle();
  FakeSocket.last.say({ type: "ack", epoch: 0, offset: 20_000_000, media_time: 20 });
  assert.ok(store.bytes < 12_000_000);
  publisher.stop();
  FakeSocket.last.say({ type: "ended", media_time: 30 });
  assert.equal(store.held.size, 0);
});

test("a device whose storage is full says what to do, and nothing is lost", async () => {
  const { publisher, clock, store } = await goLive();
  store.quota = 0;
  FakeSocket.last.lose(1006);
  for (let i = 0; i < 20; i++) {
    clock.advance(1000);
    FakeRecorder.last.give(1_000_000);
    await settle();
  }
  assert.match(publisher.notice, /free some space on this device/);
  FakeSocket.last.ready(0, 0);
  assert.equal((await FakeSocket.last.bytes()).length, 20_000_004);
});

test("a source that cannot be opened is a failure in words", async () => {
  const { publisher, order } = begin();
  await publisher.start({ ...order, openSource: () => Promise.reject(new PublishError("no_device")) });
  assert.equal(publisher.state, "failed");
  assert.match(publisher.message, /No camera/);
});

test("a source that is over stops the broadcast and says why", async () => {
  const { publisher, source } = await goLive();
  source.onended?.("The file is over.");
  FakeSocket.last.say({ type: "ended", media_time: 1 });
  assert.equal(publisher.state, "ended");
  assert.equal(publisher.message, "The file is over. Ended: everything is in the playlist.");
});

test("cancelled and begun again: the first source is closed, the second one is used", async () => {
  const { publisher, order } = begin();
  /** @type {((source: FakeSource) => void)[]} */
  const allow = [];
  const openSource = () => new Promise((/** @type {(source: FakeSource) => void} */ done) => allow.push(done));
  const first = publisher.start({ ...order, openSource });
  publisher.stop();
  const second = publisher.start({ ...order, openSource });
  const [old, current] = [new FakeSource(), new FakeSource()];
  allow[0]?.(old);
  await first;
  assert.deepEqual(old.calls, ["close"]);
  assert.equal(publisher.state, "preparing");
  allow[1]?.(current);
  await second;
  assert.equal(publisher.state, "connecting");
  assert.deepEqual(current.calls, []);
});
