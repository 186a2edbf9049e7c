import assert from "node:assert/strict";
import { test } from "node:test";
import { goLive } from "../testing/live.js";
import { FakeRecorder, FakeSocket } from "../testing/publishing.js";

test("what was sent, what is safe, and for which broadcasts", async () => {
  const { publisher, clock } = await goLive();
  const { sentBytes, safeBytes, recordedSeconds, lagSeconds, broadcasts } = publisher.statistics;
  assert.deepEqual({ sentBytes, safeBytes, recordedSeconds, lagSeconds, broadcasts }, { sentBytes: 4, safeBytes: 0, recordedSeconds: 1, lagSeconds: null, broadcasts: ["b1"] });
  FakeSocket.last.bufferedAmount = 3;
  assert.equal(publisher.statistics.sentBytes, 1, "the rest is still here");
  FakeSocket.last.say({ type: "ack", epoch: 0, offset: 4, media_time: 0.75 });
  assert.equal(publisher.statistics.safeBytes, 4);
  assert.equal(publisher.statistics.lagSeconds, null, "of what is all there nobody knows how late it was");
  clock.advance(250);
  FakeRecorder.last.give("efgh");
  FakeSocket.last.say({ type: "ack", epoch: 0, offset: 6, media_time: 1.05 });
  assert.equal(Number(publisher.statistics.lagSeconds).toFixed(2), "0.20");
});

test("a broadcast that was delivered has lost nothing", async () => {
  const { publisher } = await goLive();
  publisher.stop();
  FakeSocket.last.say({ type: "ended", media_time: 1 });
  assert.deepEqual([publisher.state, publisher.statistics.lostSeconds, publisher.statistics.recordedSeconds], ["ended", 0, 1]);
});

test("what is given up is lost, and said so", async () => {
  const { publisher } = await goLive();
  FakeSocket.last.lose(1006);
  publisher.stop();
  publisher.discard();
  assert.deepEqual([publisher.state, publisher.statistics.lostSeconds], ["ended", 1]);
});
