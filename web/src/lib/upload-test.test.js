import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_BYTES, measureUpload, noise } from "./upload-test.js";

/** A way that carries so much, and takes so long there and back. @param {number} bits per second @param {number} roundTrip ms */
function way(bits, roundTrip) {
  let now = 0;
  /** @type {number[]} */
  const pieces = [];
  const send = async (/** @type {number} */ bytes) => {
    pieces.push(bytes);
    now += (bytes * 8000) / bits + roundTrip;
  };
  return { pieces, measure: () => measureUpload(send, () => now), took: () => now };
}

test("a poor way is measured with little, in little time", async () => {
  const poor = way(400_000, 100);
  const rate = await poor.measure();
  assert.ok(rate > 340_000 && rate <= 400_000, String(rate));
  assert.ok(poor.took() < 4000, String(poor.took()));
});

test("a good way is measured with larger pieces, within what the server takes", async () => {
  const good = way(50_000_000, 30);
  const rate = await good.measure();
  assert.ok(rate > 40_000_000 && rate <= 50_000_000, String(rate));
  assert.equal(Math.max(...good.pieces), MOST_BYTES);
  assert.ok(good.pieces.length <= 5);
});

test("what the server does not take is thrown on", async () => {
  await assert.rejects(measureUpload(() => Promise.reject(new Error("busy")), () => 0), /busy/);
});

test("noise has the size that was asked for", async () => {
  const made = noise(200_000, (block) => block.fill(7));
  assert.equal(made.size, 200_000);
  assert.equal(new Uint8Array(await made.arrayBuffer())[199_999], 7);
});
