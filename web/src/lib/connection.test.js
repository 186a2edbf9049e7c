import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { fakePublishing, FakeSocket } from "../testing/publishing.js";
import { Backlog } from "./backlog.js";
import { Connection, GAP_CODE, GARBLED_CODE, SILENT_CODE, UNREADABLE_CODE } from "./connection.js";

/** @typedef {import("./connection.js").Closing} Closing */

/** @param {Backlog} [backlog] */
function connect(backlog = new Backlog()) {
  const { clock, environment } = fakePublishing();
  /** @type {any[]} */
  const told = [];
  /** @type {Closing[]} */
  const closings = [];
  const listener = {
    ready: (/** @type {object} */ ready) => told.push(["ready", ready]),
    ack: (/** @type {object} */ ack) => told.push(["ack", ack]),
    status: (/** @type {{ state: string }} */ { state }) => told.push(["status", state]),
    ended: () => told.push(["ended"]),
    closed: (/** @type {Closing} */ closing) => closings.push(closing),
  };
  const read = async (/** @type {import("./backlog.js").Chunk} */ { size }) => new Blob(["S".repeat(size)]);
  const supply = { at: backlog.at.bind(backlog), read, since: backlog.since.bind(backlog) };
  /** @type {import("./connection.js").Hello} */
  const hello = { type: "start", mime: "video/webm", title: "T", takeover: false };
  const connection = new Connection({ url: "ws://here/ws", protocols: ["bearer.t"], hello, supply, listener }, environment);
  return { backlog, clock, connection, told, closings, hello, supply, socket: FakeSocket.last };
}

/** @param {string[]} pieces */
function recorded(...pieces) {
  const backlog = new Backlog();
  const epoch = backlog.begin("video/webm", 0);
  for (const [index, piece] of pieces.entries()) backlog.add(epoch, new Blob([piece]), index + 1);
  return { backlog, epoch };
}

test("it names the protocol, says hello when it is open, and sends nothing before it is asked to", () => {
  const { backlog } = recorded("abc");
  const { socket, hello, connection } = connect(backlog);
  assert.deepEqual(socket.protocols, ["ingestd.v1", "bearer.t"]);
  socket.open();
  connection.pump();
  assert.deepEqual(socket.sent, [hello]);
  assert.equal(connection.open, false);
});

test("a server that chose another protocol is not spoken to", () => {
  const { socket, closings } = connect();
  socket.protocol = "bearer.t";
  socket.onopen();
  assert.deepEqual(socket.sent, []);
  socket.lose(4400, "no");
  assert.equal(closings[0]?.greeted, false);
});

test("it sends from the byte that the server names, and what comes later", async () => {
  const { backlog, epoch } = recorded("abcd", "efgh");
  const { socket, connection } = connect(backlog);
  socket.ready(0, 6);
  assert.equal(await socket.bytes(), "gh");
  backlog.add(epoch, new Blob(["ij"]), 3);
  connection.pump();
  connection.pump();
  assert.equal(await socket.bytes(), "ghij");
});

test("epochs in order, each named before its bytes, and stop at the very end, once", async () => {
  const { backlog, epoch } = recorded("abcd");
  const { socket, connection, hello } = connect(backlog);
  socket.ready(0, 2);
  const second = backlog.begin("video/mp4", 5);
  backlog.add(second, new Blob(["xy"]), 6);
  connection.pump();
  assert.equal(await socket.bytes(), "cd");
  backlog.end(epoch);
  connection.pump();
  backlog.end(second);
  backlog.seal();
  connection.pump();
  connection.pump();
  assert.deepEqual(await socket.transcript(), [hello, "cd", { type: "epoch", epoch: 1, mime: "video/mp4" }, "xy", { type: "stop" }]);
});

test("a later epoch than the one that was offered is gone on with, and not announced again", async () => {
  const { backlog, epoch } = recorded("abcd");
  backlog.end(epoch);
  backlog.add(backlog.begin("video/webm", 5), new Blob(["wxyz"]), 6);
  const { socket } = connect(backlog);
  socket.ready(1, 1);
  assert.equal(await socket.bytes(), "xyz");
  assert.equal(socket.words.length, 1);
});

test("no more than a megabyte is in the browser's hands", async () => {
  const backlog = new Backlog();
  const epoch = backlog.begin("", 0);
  for (let i = 0; i < 5; i++) backlog.add(epoch, new Blob([new Uint8Array(400_000)]), i);
  const { socket, clock } = connect(backlog);
  socket.send = (data) => {
    socket.sent.push(data instanceof Blob ? data : JSON.parse(String(data)));
    socket.bufferedAmount += data instanceof Blob ? data.size : 0;
  };
  socket.ready();
  assert.equal(socket.bufferedAmount, 1_200_000);
  clock.advance(200);
  assert.equal(socket.bufferedAmount, 1_200_000);
  socket.bufferedAmount = 0;
  clock.advance(60);
  assert.equal((await socket.bytes()).length, 2_000_000);
});

test("a large piece goes in messages of a megabyte", async () => {
  const backlog = new Backlog();
  backlog.add(backlog.begin("", 0), new Blob([new Uint8Array(2_500_000)]), 1);
  const { socket } = connect(backlog);
  socket.ready(0, 1);
  const sizes = socket.sent.flatMap((message) => (message instanceof Blob ? [message.size] : []));
  assert.deepEqual(sizes, [1_000_000, 1_000_000, 499_999]);
});

test("what lies in the database is read back, in its order", async () => {
  const { backlog } = recorded("abc", "def", "ghi");
  const [, second] = [...backlog.inMemory()];
  if (second !== undefined) backlog.stored(second, 5);
  const { socket, connection } = connect(backlog);
  socket.ready(0, 1);
  connection.pump();
  await settle();
  assert.equal(await socket.bytes(), "bcSSSghi");
});

test("what cannot be read back ends the connection, and so does what was let go", async () => {
  const { backlog } = recorded("abc");
  const all = connect(backlog);
  all.supply.read = () => Promise.reject(new Error("gone"));
  for (const chunk of [...backlog.inMemory()]) backlog.stored(chunk, 1);
  all.socket.ready();
  await settle();
  assert.deepEqual(all.closings.map(({ code }) => code), [UNREADABLE_CODE]);
  const { backlog: acked } = recorded("abc", "def");
  acked.ack(0, 3);
  const other = connect(acked);
  other.socket.ready(0, 1);
  assert.deepEqual(other.closings.map(({ code, ready }) => [code, ready]), [[GAP_CODE, true]]);
});

test("what the server says is passed on; what is new to us is passed over", () => {
  const { socket, told } = connect(recorded("abcdefgh").backlog);
  socket.ready();
  socket.say({ type: "ack", epoch: 0, offset: 7, media_time: 1.5 });
  socket.status();
  socket.say({ type: "weather", sun: true });
  socket.say({ type: "ended", media_time: 2 });
  assert.deepEqual(told.slice(1), [["ack", { epoch: 0, offset: 7, mediaTime: 1.5 }], ["status", "live"], ["ended"]]);
  assert.equal(socket.closedWith?.code, 1000);
  socket.lose(1000);
  assert.equal(told.length, 4);
});

test("an error is kept for the close that follows it", () => {
  const { socket, closings } = connect();
  socket.open();
  socket.say({ type: "error", code: "already_live", message: "Busy.", retry_after: 15 });
  socket.lose(4409, "Busy.");
  socket.lose(1006);
  assert.deepEqual(closings, [{ code: 4409, reason: "Busy.", error: { code: "already_live", message: "Busy.", retryAfter: 15 }, hello: "start", greeted: true, ready: false }]);
});

test("a wait that is no number of seconds, or endless, is none that a clock could keep", () => {
  for (const [said, understood] of [[undefined, 0], ["soon", 0], [-3, 0], [1e12, 3600]]) {
    const { socket, closings } = connect();
    socket.open();
    socket.say({ type: "error", code: "no_capacity", message: "", retry_after: said });
    socket.lose(1013);
    assert.equal(closings[0]?.error?.retryAfter, understood);
  }
});

test("what the server has asked for and not yet got is kept, whatever it acknowledges", () => {
  const { backlog, epoch } = recorded("abcd");
  backlog.end(epoch);
  backlog.add(backlog.begin("video/webm", 5), new Blob(["wxyz"]), 6);
  const { socket, told } = connect(backlog);
  socket.bufferedAmount = 2_000_000;
  socket.ready(0, 2);
  socket.say({ type: "ack", epoch: 1, offset: 3, media_time: 1.5 });
  socket.say({ type: "ack", epoch: 0, offset: 1, media_time: 0.5 });
  assert.deepEqual(told.slice(1), [["ack", { epoch: 0, offset: 2, mediaTime: 0 }], ["ack", { epoch: 0, offset: 1, mediaTime: 0.5 }]]);
});

test("what is not a message ends the connection", () => {
  for (const data of ["{", "null", "7"]) {
    const { socket, closings } = connect();
    socket.open();
    socket.onmessage({ data });
    assert.equal(closings[0]?.code, GARBLED_CODE);
  }
});

test("a server that accepts and says nothing is given up", () => {
  const { socket, clock, closings } = connect();
  socket.open();
  clock.advance(7999);
  assert.equal(closings.length, 0);
  clock.advance(1);
  assert.equal(closings[0]?.code, SILENT_CODE);
  assert.ok(socket.closedWith !== null);
  assert.equal(clock.pending, 0);
});

test("a server that falls silent is given up after six seconds", () => {
  const { socket, clock, closings } = connect();
  socket.ready();
  for (let i = 0; i < 10; i++) {
    clock.advance(3000);
    socket.status();
  }
  assert.equal(closings.length, 0);
  clock.advance(7000);
  assert.deepEqual(closings.map(({ code, ready }) => [code, ready]), [[SILENT_CODE, true]]);
  assert.equal(clock.pending, 0);
});

test("leaving says stop, once, and only to a server that listens", () => {
  const { socket, connection } = connect();
  connection.leave();
  assert.deepEqual(socket.sent, []);
  socket.ready();
  connection.leave();
  assert.deepEqual(socket.words.at(-1), { type: "stop" });
});

test("dropped, it tells nothing more", () => {
  const { socket, connection, closings, told, clock } = connect();
  socket.ready();
  connection.drop();
  socket.status();
  socket.lose(1006);
  assert.deepEqual([told.length, closings.length, clock.pending], [1, 0, 0]);
});

test("a server that answers to it is told our clock beside the bytes, once a second, and when it was heard", () => {
  const { backlog, epoch } = recorded("ab");
  const { socket, connection, clock } = connect(backlog);
  socket.open();
  clock.advance(2000);
  socket.say({ type: "ready", broadcast: "b1", epoch: 0, offset: 0, clock: true });
  assert.deepEqual(socket.words.at(-1), { type: "clock", sent: 2, heard: null, began: 0 });
  clock.advance(100);
  socket.say({ type: "clock", sent: 2 });
  backlog.add(epoch, new Blob(["cd"]), 2100);
  connection.pump();
  clock.advance(900);
  backlog.add(epoch, new Blob(["ef"]), 3000);
  connection.pump();
  assert.deepEqual(socket.words.slice(2), [{ type: "clock", sent: 3, heard: 2.1, began: 0 }]);
});

test("of the answers to our clock the one to what was said last counts, and once", () => {
  const { backlog, epoch } = recorded("ab");
  const { socket, connection, clock } = connect(backlog);
  socket.open();
  clock.advance(2000);
  socket.say({ type: "ready", broadcast: "b1", epoch: 0, offset: 0, clock: true });
  // after so many ms comes an answer to that, and is heard, or not, as the next message says
  const plays = /** @type {const} */ ([[null, null], [2, null], [3, null], [5, 5.1], [null, null], [7, 7.1]]);
  for (const [answered, heard] of plays) {
    clock.advance(100);
    if (answered !== null) socket.say({ type: "clock", sent: answered });
    clock.advance(900);
    socket.say({ type: "clock", sent: answered === 7 ? 7 : -1 }); // again, or of nobody's: later, and worth nothing
    backlog.add(epoch, new Blob(["cd"]), 100);
    connection.pump();
    assert.equal(socket.words.at(-1)?.heard, heard);
  }
});

test("a server that does not answer is not told our clock", () => {
  const { socket } = connect(recorded("ab").backlog);
  socket.ready();
  assert.deepEqual(socket.words.map(({ type }) => type), ["start"]);
});
