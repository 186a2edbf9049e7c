import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { begin, goLive, record } from "../testing/live.js";
import { FakeRecorder, fakePublishing, FakeSocket } from "../testing/publishing.js";
import { Publisher } from "./publisher.js";

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
  clock.advance(3000);
  assert.equal(publisher.statistics.liveSeconds, 0);
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
  FakeSocket.last.lose(1013, "The machine has no processor time left.");
  assert.equal(publisher.state, "reconnecting");
  assert.equal(publisher.message, "The server is full at the moment. It says: “The machine has no processor time left”.");
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

test("a broadcast that is over is begun afresh with all that was not safe, and recording goes on", async () => {
  const all = await goLive();
  const { publisher, clock, source } = all;
  FakeSocket.last.lose(1006);
  record(all, "efghij");
  FakeSocket.last.open();
  FakeSocket.last.lose(4404);
  assert.equal(FakeRecorder.all.length, 1);
  assert.equal(publisher.state, "reconnecting");
  assert.equal(publisher.message, "The server had given up waiting and ended the broadcast. The 7 s that were not yet safe are kept, and begin a new one.");
  FakeRecorder.last.give("k");
  clock.advance(1000);
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.words, [{ type: "start", mime: "video/webm;codecs=h264,opus", title: "T", takeover: false }]);
  FakeSocket.last.ready(0, 0, "b2");
  assert.equal(publisher.state, "live");
  assert.match(publisher.notice, /are kept, and begin a new one\. A new broadcast has begun\.$/);
  assert.equal(publisher.statistics.liveSeconds, 0);
  assert.equal(await FakeSocket.last.bytes(), "abcdefghijk");
  assert.equal(source.calls.includes("close"), false);
  FakeSocket.last.lose(1006);
  clock.advance(1000);
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.words, [{ type: "resume", broadcast: "b2", epoch: 0, offset: 0 }]);
});

test("what cannot be used is named, and another recorder begins", async () => {
  const all = await goLive();
  const { publisher, clock } = all;
  const old = FakeRecorder.last;
  record(all, "efg");
  FakeSocket.last.say({ type: "ack", epoch: 0, offset: 4, media_time: 1 });
  FakeSocket.last.lose(4404);
  assert.equal(FakeRecorder.all.length, 2);
  assert.equal(old.state, "inactive");
  assert.equal(publisher.message, "The server had given up waiting and ended the broadcast. 3 s could not be delivered.");
  FakeRecorder.last.give("new");
  old.give("old");
  clock.advance(1000);
  FakeSocket.last.ready(0, 0, "b2");
  assert.match(publisher.notice, /3 s could not be delivered\. A new broadcast has begun\.$/);
  assert.equal(await FakeSocket.last.bytes(), "new");
});

test("what the browser's database does not give back is lost, and recording begins anew", async () => {
  const { publisher, clock, store } = await goLive();
  FakeSocket.last.lose(1006);
  for (let i = 0; i < 30; i++) {
    clock.advance(1000);
    FakeRecorder.last.give(1_000_000);
    await settle();
  }
  store.held.clear();
  FakeSocket.last.ready(0, 0);
  await settle();
  assert.match(publisher.message, /no longer has.*31 s could not be delivered/);
  assert.equal(FakeRecorder.all.length, 2);
  FakeRecorder.last.give("new");
  clock.advance(1000);
  FakeSocket.last.ready(0, 0, "b2");
  assert.equal(await FakeSocket.last.bytes(), "new");
});

test("stopping: a broadcast that the server has forgotten was delivered, or begins again with the rest", async () => {
  for (const acked of [4, 2]) {
    const { publisher, clock } = await goLive();
    publisher.stop();
    FakeSocket.last.say({ type: "ack", epoch: 0, offset: acked, media_time: 0 });
    FakeSocket.last.lose(1006);
    clock.advance(0);
    FakeSocket.last.open();
    assert.deepEqual(FakeSocket.last.words[0], { type: "resume", broadcast: "b1", epoch: 0, offset: acked });
    FakeSocket.last.lose(4404);
    assert.equal(publisher.state, acked === 4 ? "ended" : "stopping");
    if (acked === 4) continue;
    clock.advance(1000);
    FakeSocket.last.ready(0, 0, "b2");
    assert.equal(publisher.state, "stopping");
    assert.deepEqual((await FakeSocket.last.transcript()).map((/** @type {any} */ sent) => sent.type ?? sent), ["start", "abcd", "stop"]);
    FakeSocket.last.say({ type: "ended", media_time: 1 });
    assert.match(publisher.message, /everything is in the playlist/);
  }
});

test("stopping: what cannot be used fails, and is named", async () => {
  const all = await goLive();
  record(all, "efg");
  all.publisher.stop();
  FakeSocket.last.say({ type: "ack", epoch: 0, offset: 5, media_time: 1 });
  FakeSocket.last.lose(4404);
  assert.equal(all.publisher.state, "failed");
  assert.match(all.publisher.message, /2 s could not be delivered/);
  assert.equal(FakeRecorder.all.length, 1);
});

test("away for longer than the broadcast waits, it says what will probably become of it", async () => {
  const { publisher, clock } = await goLive();
  FakeSocket.last.lose(1006);
  /** @type {boolean[]} */
  const overdue = [];
  for (let i = 0; i < 61; i++) {
    overdue.push(publisher.statistics.overdue);
    clock.advance(1000);
    FakeRecorder.last.give("x");
    if (FakeSocket.last.closedWith === null) FakeSocket.last.lose(1006);
  }
  assert.deepEqual([overdue.indexOf(true), publisher.statistics.overdue], [-1, true]);
  clock.advance(5000);
  FakeSocket.last.ready(0, 0);
  assert.equal(publisher.statistics.overdue, false);
});

test("a server that says when to come back is not asked earlier, not even when the network is back", async () => {
  const { publisher, clock } = await goLive();
  FakeSocket.last.lose(1006);
  clock.advance(0);
  FakeSocket.last.open();
  FakeSocket.last.say({ type: "error", code: "no_capacity", message: "Try again in 15 s.", retry_after: 15 });
  FakeSocket.last.lose(1013);
  assert.equal(publisher.statistics.retrySeconds, 15);
  publisher.hurry();
  clock.advance(14_999);
  assert.equal(FakeSocket.all.length, 2);
  clock.advance(1);
  assert.equal(FakeSocket.all.length, 3);
  FakeSocket.last.lose(1006);
  assert.ok(publisher.statistics.retrySeconds <= 1);
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
  assert.equal(publisher.message, "The server ended the broadcast. 1 s could not be delivered.");
  assert.equal(publisher.statistics.lostSeconds, 1);
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

test("a token that cannot be sent is a failure in words", async () => {
  const { clock, environment } = fakePublishing();
  class Refusing {
    constructor() {
      throw new DOMException("no", "SyntaxError");
    }
  }
  const publisher = new Publisher(() => {}, { ...environment, WebSocket: /** @type {any} */ (Refusing) });
  await publisher.start({ ...begin().order, url: "", protocols: () => ["bearer. "] });
  assert.equal(publisher.errorCode, "bad_link");
  assert.equal(clock.pending, 0);
});

test("a token that was renewed meanwhile serves the next connection", async () => {
  const { publisher, order, clock } = begin();
  const tokens = ["old", "new"];
  await publisher.start({ ...order, protocols: () => [`bearer.${tokens.shift()}`] });
  FakeSocket.last.ready();
  FakeSocket.last.lose(1006);
  clock.advance(1000);
  assert.deepEqual(FakeSocket.all.map(({ protocols }) => protocols.at(-1)), ["bearer.old", "bearer.new"]);
});
