import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { FakeRecorder, fakePublishing, FakeSocket, FakeSource } from "../testing/publishing.js";
import { PublishError } from "./publish-errors.js";
import { Publisher } from "./publisher.js";

function begin() {
  const { clock, store, environment } = fakePublishing();
  /** @type {string[]} */
  const states = [];
  const publisher = new Publisher(({ state }) => state !== states.at(-1) && states.push(state), environment);
  const source = new FakeSource();
  const order = { openSource: async () => source, url: "ws://here/ws?streamKey=k", protocols: ["bearer.t"], bitrate: 1_000_000, title: "T", takeover: false };
  return { clock, store, publisher, source, order, states };
}

/** Live, with four bytes recorded in the first second. */
async function goLive() {
  const all = begin();
  await all.publisher.start(all.order);
  FakeSocket.last.ready();
  all.clock.advance(1000);
  FakeRecorder.last.give("abcd");
  return all;
}

/** Time goes by, with a piece each second, and the server saying that it is there. @param {ReturnType<typeof begin>} all @param {string} pieces */
function record({ clock }, pieces) {
  for (const piece of pieces) {
    clock.advance(1000);
    FakeRecorder.last.give(piece);
    if (FakeSocket.last.closedWith === null) FakeSocket.last.status();
  }
}

test("asks first, records when the server is ready, and is live with the first bytes", async () => {
  const { publisher, order, states, source, clock } = begin();
  await publisher.start(order);
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.words, [{ type: "start", mime: "video/webm;codecs=h264,opus", title: "T", takeover: false }]);
  assert.equal(FakeRecorder.all.length, 0);
  FakeSocket.last.ready();
  assert.equal(publisher.state, "connecting");
  clock.advance(250);
  FakeRecorder.last.give("a");
  assert.deepEqual(states, ["preparing", "connecting", "live"]);
  assert.deepEqual(source.calls, ["release"]);
  assert.equal(await FakeSocket.last.bytes(), "a");
  assert.equal(publisher.statistics.unsafeSeconds, 0.25);
});

test("stop sends the last piece and the word, and waits until all of it is in the playlist", async () => {
  const all = await goLive();
  const { publisher, source, clock } = all;
  FakeRecorder.last.tail = "z";
  publisher.stop();
  assert.equal(publisher.state, "stopping");
  assert.deepEqual((await FakeSocket.last.transcript()).slice(1), ["abcd", "z", { type: "stop" }]);
  assert.deepEqual(source.calls, ["release", "close"]);
  FakeSocket.last.status({ state: "ending" });
  assert.equal(publisher.state, "stopping");
  FakeSocket.last.say({ type: "ack", epoch: 0, offset: 5, media_time: 1 });
  FakeSocket.last.say({ type: "ended", media_time: 1 });
  assert.equal(publisher.state, "ended");
  assert.equal(publisher.message, "Ended: everything is in the playlist.");
  assert.equal(clock.pending, 0);
});

test("recording goes on while the connection is away, and nothing is sent twice or left out", async () => {
  const all = await goLive();
  const { publisher, clock } = all;
  FakeSocket.last.say({ type: "ack", epoch: 0, offset: 2, media_time: 0.5 });
  FakeSocket.last.lose(1006);
  assert.equal(publisher.state, "reconnecting");
  assert.equal(FakeRecorder.all.length, 1);
  FakeRecorder.last.give("efgh");
  clock.advance(0);
  assert.equal(FakeSocket.all.length, 2);
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.words, [{ type: "resume", broadcast: "b1", epoch: 0, offset: 2 }]);
  FakeSocket.last.ready(0, 3);
  assert.equal(publisher.state, "live");
  FakeRecorder.last.give("ij");
  assert.equal(await FakeSocket.last.bytes(), "defghij");
});

test("a server that was killed may ask again for what was sent and not acknowledged", async () => {
  const { clock } = await goLive();
  FakeSocket.last.lose(1012);
  clock.advance(0);
  FakeSocket.last.ready(0, 0);
  assert.equal(await FakeSocket.last.bytes(), "abcd");
});

test("waits longer each time, and short again after a connection that held", async () => {
  const { publisher, clock } = await goLive();
  const waits = [];
  for (let i = 0; i < 5; i++) {
    FakeSocket.last.lose(1006);
    waits.push(publisher.statistics.retrySeconds);
    clock.advance(1000);
    FakeRecorder.last.give("x");
  }
  assert.deepEqual(waits, [0, 0.25, 0.5, 1, 1]);
  FakeSocket.last.ready(0, 4);
  for (let i = 0; i < 4; i++) {
    clock.advance(1000);
    FakeSocket.last.status();
  }
  FakeSocket.last.lose(1006);
  assert.equal(publisher.statistics.retrySeconds, 0);
});

test("does not wait when the network says that it is back", async () => {
  const { publisher, clock } = await goLive();
  FakeSocket.last.lose(1006);
  clock.advance(0);
  FakeSocket.last.lose(1006);
  publisher.hurry();
  publisher.hurry();
  assert.equal(FakeSocket.all.length, 3);
  clock.advance(400);
  assert.equal(FakeSocket.all.length, 3);
});

test("a full server is waited for, with everything kept", async () => {
  const { publisher, clock } = await goLive();
  FakeSocket.last.lose(1012);
  clock.advance(0);
  FakeSocket.last.open();
  FakeSocket.last.lose(1013, "Full.");
  assert.equal(publisher.state, "reconnecting");
  assert.equal(publisher.message, "The server is full at the moment.");
  assert.ok(publisher.statistics.retrySeconds >= 1);
  clock.advance(2000);
  FakeSocket.last.ready(0, 0);
  assert.equal(await FakeSocket.last.bytes(), "abcd");
});

test("a refusal ends it, with the server's words", async () => {
  const { publisher, order, source } = begin();
  await publisher.start(order);
  FakeSocket.last.open();
  FakeSocket.last.say({ type: "error", code: "token_expired", message: "Too late." });
  FakeSocket.last.lose(4401);
  assert.equal(publisher.state, "failed");
  assert.equal(publisher.errorCode, "token_expired");
  assert.match(publisher.message, /token has expired.*“Too late”/);
  assert.equal(source.calls.at(-1), "close");
});

test("a channel that is live from elsewhere is taken over only if one says so", async () => {
  const { publisher, order } = begin();
  await publisher.start(order);
  FakeSocket.last.open();
  FakeSocket.last.lose(4409);
  assert.equal(publisher.errorCode, "channel_busy");
  await publisher.start({ ...order, takeover: true });
  FakeSocket.last.open();
  assert.equal(FakeSocket.last.words[0].takeover, true);
});

test("taken over: it stops, does not come back, and says what it costs", async () => {
  const all = await goLive();
  record(all, "efg");
  FakeSocket.last.lose(4409);
  assert.equal(all.publisher.errorCode, "taken_over");
  assert.equal(all.publisher.message, "Another publisher took over this channel. 4 s could not be delivered.");
  all.clock.advance(60_000);
  assert.equal(FakeSocket.all.length, 1);
});

test("its own lost connection is not taken for somebody else, for a while", async () => {
  const { publisher, order, clock } = begin();
  await publisher.start(order);
  FakeSocket.last.open();
  FakeSocket.last.lose(1006);
  for (let i = 0; i < 20 && publisher.active; i++) {
    clock.advance(1000);
    FakeSocket.last.open();
    FakeSocket.last.lose(4409);
    assert.equal(publisher.active, i < 9, String(i));
  }
  assert.equal(publisher.errorCode, "channel_busy");
});

test("a broadcast that is over is begun afresh, with a new recorder, and the loss is named", async () => {
  const all = await goLive();
  const { publisher, clock, source } = all;
  const old = FakeRecorder.last;
  FakeSocket.last.lose(1006);
  record(all, "efghij");
  FakeSocket.last.open();
  FakeSocket.last.lose(4404);
  assert.equal(FakeRecorder.all.length, 2);
  assert.equal(old.state, "inactive");
  assert.equal(publisher.state, "reconnecting");
  assert.equal(publisher.message, "The server had given up waiting and ended the broadcast. 7 s could not be delivered.");
  FakeRecorder.last.give("new");
  old.give("old");
  clock.advance(1000);
  FakeSocket.last.open();
  assert.equal(FakeSocket.last.words[0].type, "start");
  FakeSocket.last.ready(0, 0, "b2");
  assert.equal(publisher.state, "live");
  assert.equal(publisher.notice, "The server had given up waiting and ended the broadcast. 7 s could not be delivered. A new broadcast has begun.");
  assert.equal(publisher.statistics.liveSeconds, 0);
  assert.equal(await FakeSocket.last.bytes(), "new");
  assert.equal(source.calls.includes("close"), false);
});

test("stopping: a broadcast that the server has forgotten was delivered, or was not", async () => {
  for (const acked of [4, 2]) {
    const { publisher, clock } = await goLive();
    publisher.stop();
    FakeSocket.last.say({ type: "ack", epoch: 0, offset: acked, media_time: 0 });
    FakeSocket.last.lose(1006);
    clock.advance(0);
    FakeSocket.last.open();
    assert.deepEqual(FakeSocket.last.words[0], { type: "resume", broadcast: "b1", epoch: 0, offset: acked });
    FakeSocket.last.lose(4404);
    assert.equal(publisher.state, acked === 4 ? "ended" : "failed");
    assert.match(publisher.message, acked === 4 ? /everything is in the playlist/ : /1 s could not be delivered/);
  }
});

test("stopped while the connection is lost: the rest is delivered when it is back", async () => {
  const { publisher, clock, source } = await goLive();
  FakeSocket.last.lose(1006);
  FakeRecorder.last.tail = "z";
  publisher.stop();
  assert.equal(source.calls.at(-1), "close");
  clock.advance(0);
  FakeSocket.last.lose(1006);
  assert.equal(publisher.state, "stopping");
  clock.advance(500);
  FakeSocket.last.ready(0, 4);
  assert.deepEqual((await FakeSocket.last.transcript()).slice(1), ["z", { type: "stop" }]);
  FakeSocket.last.lose(1006);
  clock.advance(1000);
  FakeSocket.last.open();
  FakeSocket.last.say({ type: "ended", media_time: 1 });
  assert.equal(publisher.state, "ended");
});

test("the rest can be given up", async () => {
  const { publisher, clock } = await goLive();
  FakeSocket.last.lose(1006);
  publisher.stop();
  publisher.discard();
  assert.equal(publisher.state, "ended");
  assert.equal(publisher.message, "1 s could not be delivered.");
  assert.equal(clock.pending, 0);
});

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
  FakeSocket.last.lose(1006);
  clock.advance(300);
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.words[0], { type: "resume", broadcast: "b1", epoch: 1, offset: 0 });
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

test("a server that says nothing any more is left for a new connection", async () => {
  const { publisher, clock } = await goLive();
  for (let i = 0; i < 7; i++) {
    clock.advance(1000);
    FakeRecorder.last.give("x");
  }
  assert.equal(publisher.message, "The server does not answer.");
  assert.equal(FakeSocket.all.length, 2);
});

test("the server may end it", async () => {
  const { publisher } = await goLive();
  FakeSocket.last.say({ type: "ended", media_time: 1 });
  assert.equal(publisher.message, "The server ended the broadcast.");
});

test("a source that cannot be opened is a failure in words", async () => {
  const { publisher, order } = begin();
  await publisher.start({ ...order, openSource: () => Promise.reject(new PublishError("no_device")) });
  assert.equal(publisher.state, "failed");
  assert.match(publisher.message, /No camera/);
});

test("cancelled while the source opens: it is closed and nothing is sent", async () => {
  const { publisher, order, source } = begin();
  const started = publisher.start(order);
  publisher.stop();
  await started;
  assert.equal(publisher.state, "ended");
  assert.deepEqual(source.calls, ["close"]);
  assert.equal(FakeSocket.all.length, 0);
});

test("cancelled before anything is recorded: the server is told, and nobody waits", async () => {
  const { publisher, order, source, clock } = begin();
  await publisher.start(order);
  FakeSocket.last.ready();
  publisher.stop();
  assert.equal(publisher.state, "ended");
  assert.deepEqual(FakeSocket.last.words.at(-1), { type: "stop" });
  assert.ok(FakeSocket.last.closedWith !== null);
  assert.equal(source.calls.at(-1), "close");
  assert.equal(clock.pending, 0);
});

test("a source that is over stops the broadcast and says why", async () => {
  const { publisher, source } = await goLive();
  source.onended?.("The file is over.");
  FakeSocket.last.say({ type: "ended", media_time: 1 });
  assert.equal(publisher.state, "ended");
  assert.equal(publisher.message, "The file is over. Ended: everything is in the playlist.");
});

test("can go live again after the end", async () => {
  const { publisher, order } = await goLive();
  publisher.stop();
  FakeSocket.last.say({ type: "ended", media_time: 1 });
  await publisher.start(order);
  await settle();
  assert.equal(publisher.state, "connecting");
  assert.equal(publisher.statistics.bytes, 0);
  FakeSocket.last.open();
  assert.equal(FakeSocket.last.words[0].type, "start");
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
  await publisher.start({ ...begin().order, url: "", protocols: ["bearer. "] });
  assert.equal(publisher.errorCode, "bad_link");
  assert.equal(clock.pending, 0);
});
