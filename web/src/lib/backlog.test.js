import assert from "node:assert/strict";
import { test } from "node:test";
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
