import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { begin, goLive, record } from "../testing/live.js";
import { FakeRecorder, FakeSocket } from "../testing/publishing.js";

const EXPIRED = { type: "error", code: "token_expired", message: "The token has expired." };
const NEW = { url: "ws://here/ws?streamKey=new", channel: "demo", bearer: () => "k", protocols: () => ["bearer.new"], renew: null, advice: "" };

/** @param {FakeSocket} socket @param {object} [error] */
function refuse(socket, error = EXPIRED) {
  socket.open();
  socket.say(error);
  socket.lose(4401);
}

test("a token that expires in mid-broadcast: recording goes on, and a new link delivers all of it", async () => {
  const all = await goLive();
  const { publisher, clock } = all;
  FakeSocket.last.lose(1006);
  clock.advance(0);
  refuse(FakeSocket.last);
  assert.equal(publisher.state, "reconnecting");
  assert.equal(publisher.message, "The token has expired. Open a new link.");
  assert.equal(publisher.statistics.barred, true);
  const { length } = FakeSocket.all;
  record(all, "efg");
  publisher.hurry();
  assert.equal(FakeSocket.all.length, length);
  publisher.readmit(NEW);
  assert.deepEqual([FakeSocket.last.url, FakeSocket.last.protocols.at(-1)], [NEW.url, "bearer.new"]);
  FakeSocket.last.ready(0, 0);
  assert.deepEqual([publisher.state, publisher.statistics.barred], ["live", false]);
  assert.equal(await FakeSocket.last.bytes(), "abcdefg");
});

test("a right that is taken back: stopped meanwhile, the rest waits, or is given up", async () => {
  const { publisher, clock } = await goLive();
  FakeSocket.last.lose(4403, "The right to publish here has been taken back.");
  assert.match(publisher.message, /^This key or token is not valid any more\. Open/);
  publisher.stop();
  assert.equal(publisher.state, "stopping");
  assert.match(publisher.message, /Open a new link\.$/);
  publisher.discard();
  assert.deepEqual([publisher.state, publisher.statistics.barred, clock.pending], ["ended", false, 0]);
  assert.match(publisher.message, /could not be delivered/);
});

test("who is signed in gets another token: at once, then every ten seconds until it is taken", async () => {
  const { publisher, order, clock } = begin();
  const works = [true, true, false, true];
  let asked = 0;
  const renew = () => (works[asked++] ? Promise.resolve() : Promise.reject(new Error("signed out")));
  await publisher.start({ ...order, renew });
  FakeSocket.last.ready();
  FakeRecorder.last.give("a");
  FakeSocket.last.lose(4401);
  /** @type {[number, number][]} seconds that pass, and how many connections there were by then */
  const course = [[0, 2], [9, 2], [1, 3], [10, 3], [9, 3], [1, 4]];
  for (const [seconds, connections] of course) {
    await settle();
    for (let second = 0; second < seconds; second++) {
      clock.advance(1000);
      FakeRecorder.last.give("a");
      await settle();
    }
    clock.advance(0);
    await settle();
    assert.equal(FakeSocket.all.length, connections, String(seconds));
    if (FakeSocket.last.closedWith === null && connections !== 4) refuse(FakeSocket.last);
  }
  FakeSocket.last.ready();
  assert.equal(publisher.state, "live");
});

test("at the start nothing waits: a refusal is final", async () => {
  const { publisher, order } = begin();
  await publisher.start(order);
  refuse(FakeSocket.last);
  assert.equal(publisher.errorCode, "token_expired");
  publisher.settle();
  assert.deepEqual([publisher.state, publisher.message, publisher.errorCode], ["idle", "", ""]);
});
