import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { Backlog, MOST_BYTES, MOST_SECONDS } from "./backlog.js";

/** @param {string | number} what @returns {Blob} */
function blob(what) {
  return new Blob([typeof what === "string" ? what : new Uint8Array(what)]);
}

/** A blob of any size, without its bytes. @param {number} size */
function large(size) {
  return /** @type {Blob} */ ({ size });
}

/** An epoch of four pieces of ten bytes, a second each. @param {Backlog} backlog @param {number} [since] ms */
function epochOf40(backlog, since = 0) {
  const epoch = backlog.begin("video/webm", since);
  for (let i = 1; i <= 4; i++) backlog.add(epoch, blob(10), since + i * 1000);
  return epoch;
}

/** @param {Backlog} backlog @param {number} epoch @param {number} offset */
function kind(backlog, epoch, offset) {
  return backlog.at({ epoch, offset })?.kind ?? null;
}

test("bytes are found from any place on, in the middle of a piece too", () => {
  const backlog = new Backlog();
  epochOf40(backlog);
  const piece = backlog.at({ epoch: 0, offset: 25 });
  assert.equal(piece?.kind, "bytes");
  assert.deepEqual([piece.chunk.offset, piece.skip], [20, 5]);
  assert.equal(backlog.at({ epoch: 0, offset: 40 }), null);
  assert.equal(kind(backlog, 0, 41), "gap");
  assert.equal(kind(backlog, 1, 0), "gap");
});

test("before the first byte there is one place to wait at", () => {
  const backlog = new Backlog();
  assert.deepEqual(backlog.oldest, { epoch: 0, offset: 0 });
  assert.equal(backlog.at({ epoch: 0, offset: 0 }), null);
  assert.equal(kind(backlog, 0, 1), "gap");
  assert.equal(backlog.begun, false);
});

test("an acknowledgement lets go whole pieces only, and old news changes nothing", () => {
  const backlog = new Backlog();
  epochOf40(backlog);
  assert.deepEqual(backlog.ack(0, 25).map(({ offset }) => offset), [0, 10]);
  assert.deepEqual([backlog.bytes, backlog.memory], [20, 20]);
  assert.deepEqual(backlog.oldest, { epoch: 0, offset: 25 });
  assert.deepEqual(backlog.ack(0, 5), []);
  assert.deepEqual(backlog.oldest, { epoch: 0, offset: 25 });
  assert.equal(kind(backlog, 0, 20), "bytes");
  assert.equal(kind(backlog, 0, 19), "gap");
});

test("an acknowledgement beyond what was recorded is held against what there is", () => {
  const backlog = new Backlog();
  const epoch = epochOf40(backlog);
  backlog.ack(0, 1000);
  assert.deepEqual(backlog.oldest, { epoch: 0, offset: 40 });
  backlog.add(epoch, blob(10), 5000);
  assert.equal(kind(backlog, 0, 40), "bytes");
  backlog.ack(7, 3);
  assert.equal(backlog.safe, true);
});

test("the next epoch follows when the last one has ended, and not before", () => {
  const backlog = new Backlog();
  const first = epochOf40(backlog);
  epochOf40(backlog, 3900);
  assert.equal(backlog.at({ epoch: 0, offset: 40 }), null);
  backlog.add(first, blob(3), 4100);
  backlog.end(first);
  assert.equal(kind(backlog, 0, 40), "bytes");
  const next = backlog.at({ epoch: 0, offset: 43 });
  assert.deepEqual([next?.kind, next?.kind === "epoch" && next.epoch.number], ["epoch", 1]);
  backlog.add(first, blob(5), 4200);
  assert.equal(kind(backlog, 0, 43), "epoch");
});

test("an acknowledgement of a later epoch lets the earlier ones go", () => {
  const backlog = new Backlog();
  backlog.end(epochOf40(backlog));
  epochOf40(backlog, 4000);
  assert.equal(backlog.ack(1, 10).length, 5);
  assert.deepEqual(backlog.oldest, { epoch: 1, offset: 10 });
  assert.equal(kind(backlog, 0, 0), "gap");
});

test("the stop comes after the last byte of the last epoch", () => {
  const backlog = new Backlog();
  const epoch = epochOf40(backlog);
  backlog.end(epoch);
  assert.equal(backlog.at({ epoch: 0, offset: 40 }), null);
  backlog.seal();
  assert.equal(kind(backlog, 0, 30), "bytes");
  assert.equal(kind(backlog, 0, 40), "stop");
  assert.equal(backlog.safe, false);
  backlog.ack(0, 40);
  assert.equal(backlog.safe, true);
  assert.deepEqual(backlog.oldest, { epoch: 0, offset: 40 });
  assert.equal(kind(backlog, 0, 40), "stop");
});

test("seconds not yet safe: by bytes, or by media time where that says more", () => {
  const backlog = new Backlog();
  const epoch = epochOf40(backlog);
  assert.equal(backlog.seconds, 4);
  backlog.ack(0, 20);
  assert.equal(backlog.seconds, 2);
  backlog.ack(0, 20, 3.5);
  assert.equal(backlog.seconds, 0.5);
  backlog.end(epoch);
  epochOf40(backlog, 4000);
  assert.equal(backlog.seconds, 4.5);
  backlog.ack(1, 40);
  assert.equal(backlog.seconds, 0);
});

test("a gap in acknowledged pieces does not stretch the time of the next", () => {
  const backlog = new Backlog();
  const epoch = epochOf40(backlog);
  backlog.ack(0, 40);
  backlog.add(epoch, blob(10), 5000);
  assert.equal(backlog.seconds, 1);
});

test("it is full by seconds, by bytes, and by memory", () => {
  const bySeconds = new Backlog();
  bySeconds.add(bySeconds.begin("", 0), large(1), MOST_SECONDS * 1000);
  assert.equal(bySeconds.full, true);
  const byMemory = new Backlog();
  const epoch = byMemory.begin("", 0);
  byMemory.add(epoch, large(63_000_000), 1);
  assert.equal(byMemory.full, false);
  byMemory.add(epoch, large(1_000_000), 2);
  assert.equal(byMemory.full, true);
  for (const chunk of [...byMemory.inMemory()]) byMemory.stored(chunk, 1);
  assert.deepEqual([byMemory.full, byMemory.memory, byMemory.bytes], [false, 0, 64_000_000]);
  byMemory.add(epoch, large(MOST_BYTES - 64_000_000), 3);
  for (const chunk of [...byMemory.inMemory()]) byMemory.stored(chunk, 2);
  assert.equal(byMemory.full, true);
});

test("at 2.5 Mb/s less than 5 MB are held while acknowledgements lag by two segments and a unit", () => {
  const backlog = new Backlog();
  const epoch = backlog.begin("video/webm", 0);
  const slice = 2_500_000 / 8 / 4;
  let most = 0;
  for (let i = 1; i <= 4 * 3600; i++) {
    backlog.add(epoch, large(slice), i * 250);
    most = Math.max(most, backlog.memory);
    // Acknowledged by whole units of two seconds, two segments of a second behind, once a second.
    const safeSeconds = Math.max(0, Math.floor((i / 4 - 2) / 2) * 2);
    if (i % 4 === 0) backlog.ack(0, safeSeconds * 4 * slice, Math.max(0, i / 4 - 2));
  }
  assert.ok(most < 5_000_000, String(most));
  assert.ok(most > 1_000_000, String(most));
  assert.ok(backlog.seconds <= 3);
});

/** WebM as a recorder gives it: an init segment of 15 bytes, then Clusters of 22 with one block each. @param {number} clusters */
function webm(clusters) {
  const init = [0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 0xff, 0xec, 0x83, 1, 2, 3];
  const cluster = (/** @type {number} */ n) => [0x1f, 0x43, 0xb6, 0x75, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xe7, 0x81, n, 0xa3, 0x85, 0x81, 0, 0, 0x80, n];
  return Uint8Array.from([...init, ...Array.from({ length: clusters }, (_, n) => cluster(n)).flat()]);
}

/** Everything that would be sent, and in what order. @param {Backlog} backlog */
async function sentOf(backlog) {
  const { oldest: place } = backlog;
  const sent = [];
  for (let piece = backlog.at(place); piece !== null && piece.kind !== "stop"; piece = backlog.at(place)) {
    if (piece.kind === "gap") return "gap";
    if (piece.kind === "epoch") sent.push(`epoch ${(place.epoch = piece.epoch.number)}`, (place.offset = 0));
    if (piece.kind !== "bytes") continue;
    const bytes = new Uint8Array(await (piece.chunk.blob ?? new Blob()).arrayBuffer()).slice(piece.skip);
    sent.push(...bytes);
    place.offset += bytes.length;
  }
  return sent;
}

/** Three epochs of three Clusters, the first of which is safe, in pieces of ten bytes; the last goes on. */
async function threeEpochs() {
  const backlog = new Backlog();
  const epochs = [0, 10_000, 20_000].map((since) => backlog.begin("video/webm", since));
  for (const [index, epoch] of epochs.entries()) {
    for (let at = 0; at < 81; at += 10) backlog.add(epoch, new Blob([webm(3).slice(at, at + 10)]), index * 10_000 + at * 100);
    if (index < 2) backlog.end(epoch);
  }
  await settle();
  return { backlog, epochs };
}

test("a new broadcast begins with what a decoder needs, then all that was not safe, in the same order", async () => {
  const { backlog, epochs } = await threeEpochs();
  backlog.ack(1, 15 + 22);
  const { seconds } = backlog;
  assert.deepEqual(backlog.afresh(true), { chunks: [], seconds: 0, cut: false });
  assert.ok(Math.abs(backlog.seconds - seconds) < 0.001);
  assert.deepEqual(backlog.oldest, { epoch: 0, offset: 0 });
  const [init, rest] = [webm(0), webm(3).slice(15 + 22)];
  assert.deepEqual(await sentOf(backlog), [...init, ...rest, "epoch 1", 0, ...webm(3)]);
  backlog.ack(0, 15 + 22);
  assert.deepEqual(backlog.oldest, { epoch: 0, offset: 37 });
  backlog.afresh(true);
  assert.deepEqual(await sentOf(backlog), [...init, ...webm(3).slice(15 + 44), "epoch 1", 0, ...webm(3)]);
  for (const epoch of epochs) backlog.add(epoch, new Blob(["!"]), 30_000);
  backlog.ack(1, 81);
  assert.deepEqual(await sentOf(backlog), [33]);
  assert.equal(backlog.begin("video/mp4", 31_000).number, 2);
});

test("what a decoder cannot start with is given up, and nothing more of it is taken", async () => {
  const backlog = new Backlog();
  const epoch = epochOf40(backlog);
  backlog.ack(0, 25);
  const loss = backlog.afresh(true);
  assert.deepEqual([loss.chunks.length, loss.seconds, loss.cut], [2, 2, true]);
  backlog.add(epoch, blob(10), 5000);
  assert.deepEqual([backlog.bytes, backlog.memory, backlog.safe, backlog.begun], [0, 0, true, false]);
  const { backlog: other } = await threeEpochs();
  assert.equal(other.afresh(false).cut, true);
  assert.deepEqual([other.bytes, other.memory, other.safe], [0, 0, true]);
});

test("what was never acknowledged needs nothing before it", async () => {
  const backlog = new Backlog();
  const epoch = epochOf40(backlog);
  backlog.ack(0, 5);
  assert.equal(backlog.afresh(true).cut, false);
  backlog.add(epoch, blob(3), 5000);
  assert.deepEqual([backlog.oldest, backlog.bytes, kind(backlog, 0, 42)], [{ epoch: 0, offset: 0 }, 43, "bytes"]);
});

test("it knows when the recorder of an epoch was started, and of no other", () => {
  const backlog = new Backlog();
  backlog.begin("video/webm", 1500);
  assert.equal(backlog.since(0), 1500);
  assert.equal(backlog.since(1), null);
});
