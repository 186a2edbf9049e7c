import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { FakeRecorder, fakePublishing, FakeSocket, FakeSource } from "../testing/publishing.js";
import { PublishError } from "./publish-errors.js";
import { Publisher } from "./publisher.js";

function begin() {
  const { clock, environment } = fakePublishing();
  /** @type {string[]} */
  const states = [];
  const publisher = new Publisher(({ state }) => state !== states.at(-1) && states.push(state), environment);
  const source = new FakeSource();
  const order = { openSource: async () => source, url: "ws://here/ws?streamKey=k", protocols: ["bearer.t"], bitrate: 1_000_000 };
  return { clock, publisher, source, order, states };
}

async function goLive() {
  const all = begin();
  await all.publisher.start(all.order);
  FakeSocket.last.onopen();
  FakeRecorder.last.give(100);
  return all;
}

/** @param {number} code @param {string} [reason] */
function close(code, reason = "") {
  FakeSocket.last.onclose({ code, reason });
}

test("goes live with the first bytes, not with the open socket", async () => {
  const { publisher, order, states, source } = begin();
  await publisher.start(order);
  assert.deepEqual(FakeSocket.last.protocols, ["bearer.t"]);
  assert.equal(FakeRecorder.all.length, 0);
  FakeSocket.last.onopen();
  assert.equal(publisher.state, "connecting");
  FakeRecorder.last.give(0);
  assert.deepEqual(FakeSocket.last.sent, []);
  FakeRecorder.last.give(1);
  assert.deepEqual(FakeSocket.last.sent, [1]);
  assert.deepEqual(states, ["preparing", "connecting", "live"]);
  assert.deepEqual(source.calls, ["release"]);
});

test("the recorder is asked for keyframes by time alone", async () => {
  await goLive();
  const { options } = FakeRecorder.last;
  assert.equal(Reflect.get(options, "videoKeyFrameIntervalDuration"), 2000);
  assert.equal("videoKeyFrameIntervalCount" in options, false);
  assert.equal(options.videoBitsPerSecond, 1_000_000);
});

test("stop sends the last piece, waits until it is gone, and closes with 4000", async () => {
  const { publisher, clock, source } = await goLive();
  FakeSocket.last.bufferedAmount = 7;
  publisher.stop();
  assert.equal(publisher.state, "stopping");
  assert.deepEqual(FakeSocket.last.sent, [100, 7]);
  clock.advance(200);
  assert.equal(FakeSocket.last.closedWith, null);
  FakeSocket.last.bufferedAmount = 0;
  clock.advance(200);
  assert.deepEqual(FakeSocket.last.closedWith, { code: 4000, reason: "stop" });
  close(4000);
  assert.equal(publisher.state, "ended");
  assert.deepEqual(source.calls.at(-1), "close");
  assert.equal(clock.pending, 0);
});

test("stop does not wait for ever for a server that says nothing", async () => {
  const { publisher, clock } = await goLive();
  FakeSocket.last.bufferedAmount = 7;
  publisher.stop();
  clock.advance(21_000);
  assert.equal(publisher.state, "ended");
});

test("a lost connection is tried again with a new recorder", async () => {
  const { publisher, clock, source } = await goLive();
  close(1006);
  assert.equal(publisher.state, "reconnecting");
  assert.equal(source.calls.at(-1), "hold");
  assert.equal(FakeRecorder.last.state, "inactive");
  clock.advance(300);
  assert.equal(FakeSocket.all.length, 2);
  FakeSocket.last.onopen();
  assert.equal(FakeRecorder.all.length, 2);
  FakeRecorder.last.give(5);
  assert.equal(publisher.state, "live");
  assert.deepEqual(FakeSocket.last.sent, [5]);
});

test("nothing of an old recording is sent on a new connection", async () => {
  const { clock } = await goLive();
  const old = FakeRecorder.last;
  close(1012);
  clock.advance(300);
  FakeSocket.last.onopen();
  old.give(9);
  assert.deepEqual(FakeSocket.last.sent, []);
});

test("waits longer each time, and short again after a connection that held", async () => {
  const { publisher, clock } = await goLive();
  const waits = [];
  for (let i = 0; i < 3; i++) {
    close(1006);
    waits.push(publisher.statistics.retrySeconds);
    clock.advance(10_000);
  }
  assert.deepEqual(waits, [0.25, 0.5, 1]);
  FakeSocket.last.onopen();
  FakeRecorder.last.give(1);
  clock.advance(60_000);
  close(1006);
  assert.equal(publisher.statistics.retrySeconds, 0.25);
});

test("does not wait when the network says that it is back", async () => {
  const { publisher } = await goLive();
  close(1006);
  publisher.hurry();
  publisher.hurry();
  assert.equal(FakeSocket.all.length, 2);
});

test("a refusal ends it, with the server's words", async () => {
  const { publisher, order, source } = begin();
  await publisher.start(order);
  FakeSocket.last.onopen();
  close(4401, "token expired");
  assert.equal(publisher.state, "failed");
  assert.equal(publisher.errorCode, "token_expired");
  assert.match(publisher.message, /token has expired.*“token expired”/);
  assert.equal(source.calls.at(-1), "close");
});

test("a socket that neither opens nor closes is given up", async () => {
  const { publisher, order, clock } = begin();
  await publisher.start(order);
  clock.advance(15_000);
  assert.equal(publisher.state, "reconnecting");
  assert.notEqual(FakeSocket.last.closedWith?.code, 4000);
});

test("a source that cannot be opened is a failure in words", async () => {
  const { publisher, order } = begin();
  await publisher.start({ ...order, openSource: () => Promise.reject(new PublishError("no_device")) });
  assert.equal(publisher.state, "failed");
  assert.match(publisher.message, /No camera/);
});

test("stopped while the source opens: the source is closed and nothing is sent", async () => {
  const { publisher, order, source } = begin();
  const started = publisher.start(order);
  publisher.stop();
  await started;
  assert.equal(publisher.state, "ended");
  assert.deepEqual(source.calls, ["close"]);
  assert.equal(FakeSocket.all.length, 0);
});

test("a source that is over stops the broadcast and says why", async () => {
  const { publisher, source } = await goLive();
  source.onended?.("The file is over.");
  close(4000);
  assert.equal(publisher.state, "ended");
  assert.equal(publisher.message, "The file is over.");
});

test("a connection that is too slow lowers the bitrate of the next recorder", async () => {
  const { publisher, clock } = await goLive();
  FakeSocket.last.bufferedAmount = 2_000_000;
  FakeRecorder.last.give(1);
  FakeRecorder.last.give(1);
  assert.equal(publisher.statistics.slow, true);
  close(1006);
  clock.advance(300);
  FakeSocket.last.onopen();
  assert.equal(FakeRecorder.last.options.videoBitsPerSecond, 600_000);
});

test("memory is bounded: past 64 MB it stops and says so", async () => {
  const { publisher } = await goLive();
  FakeSocket.last.bufferedAmount = 65_000_000;
  FakeRecorder.last.give(1);
  assert.equal(publisher.state, "failed");
  assert.match(publisher.message, /too slow/);
  assert.equal(FakeRecorder.last.state, "inactive");
});

test("stopping while the connection is lost says what happens on the server", async () => {
  const { publisher, clock } = await goLive();
  close(1006);
  publisher.stop();
  assert.match(publisher.message, /within a minute/);
  clock.advance(60_000);
  assert.equal(FakeSocket.all.length, 1);
});

test("a recorder that fails, and one that cannot start, are failures", async () => {
  const { publisher } = await goLive();
  FakeRecorder.last.onerror();
  assert.equal(publisher.errorCode, "recorder_failed");
  const { publisher: second, order } = begin();
  FakeRecorder.prototype.start = () => {
    throw new DOMException("no", "NotSupportedError");
  };
  await second.start(order);
  FakeSocket.last.onopen();
  assert.equal(second.errorCode, "no_recorder");
  FakeRecorder.prototype.start = function () {
    this.state = "recording";
  };
});

test("can go live again after the end", async () => {
  const { publisher, order } = await goLive();
  publisher.stop();
  close(4000);
  await publisher.start(order);
  await settle();
  assert.equal(publisher.state, "connecting");
  assert.equal(publisher.statistics.bytes, 0);
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

test("a token that cannot be sent is a failure in words", async () => {
  const { clock, environment } = fakePublishing();
  class Refusing {
    constructor() {
      throw new DOMException("no", "SyntaxError");
    }
  }
  const publisher = new Publisher(() => {}, { ...environment, WebSocket: /** @type {any} */ (Refusing) });
  await publisher.start({ openSource: async () => new FakeSource(), url: "", protocols: ["bearer. "], bitrate: 1 });
  assert.equal(publisher.errorCode, "bad_link");
  assert.equal(clock.pending, 0);
});
