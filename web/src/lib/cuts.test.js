import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { Cuts } from "./cuts.js";

const RECORDINGS = new URL("../../../tests/recordings/", import.meta.url);
const CLUSTER = [0x1f, 0x43, 0xb6, 0x75, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/** @param {Uint8Array} bytes @param {number} piece in what sizes it comes */
async function cutsOf(bytes, piece) {
  const cuts = new Cuts();
  for (let at = 0; at < bytes.length; at += piece) {
    cuts.take(new Blob([bytes.slice(at, at + piece)]));
    await settle();
  }
  await settle();
  return cuts;
}

/** @param {Blob | null} blob */
async function hex(blob) {
  return blob === null ? null : Buffer.from(await blob.arrayBuffer()).toString("hex");
}

/** Where these bytes stand. @param {Buffer} bytes @param {Uint8Array} wanted */
function placesOf(bytes, wanted) {
  const places = [];
  for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted, at + 1)) places.push(at);
  return places;
}

/** @param {number} id @param {number[]} body */
function element(id, ...body) {
  return [id, 0x80 | body.length, ...body];
}

for (const [name, mark, back] of /** @type {const} */ ([["vp8-opus_ts250_kf2000.webm", CLUSTER, 0], ["mp4-avc1-opus_ts250_kf1000.mp4", [0x6d, 0x6f, 0x6f, 0x66], 4]])) {
  test(`${name}: from each Cluster or fragment on a decoder needs the init segment`, async () => {
    const bytes = readFileSync(new URL(name, RECORDINGS));
    const places = placesOf(bytes, new Uint8Array(mark)).map((at) => at - back);
    assert.ok(places.length >= 4);
    const cuts = await cutsOf(bytes, 10_007);
    for (const place of places) assert.equal(await hex(cuts.head(place)), bytes.toString("hex", 0, places[0]));
  });
}

test("inside of a Cluster it needs a header for what is left of that, whatever pieces it came in", async () => {
  const init = [0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 0xff, 0xec, 0x83, 1, 2, 3];
  const time = element(0xe7, 0x30, 0x39);
  const block = element(0xa3, 0x81, 0, 0, 0x80, 7, 7, 7);
  const first = [...CLUSTER, ...element(0xe7, 1), ...block];
  const second = [0x1f, 0x43, 0xb6, 0x75, 0xa0, ...time, ...block, ...block];
  const bytes = new Uint8Array([...init, ...first, ...second]);
  const place = init.length + first.length;
  for (const piece of [1, 7, 1000]) {
    const cuts = await cutsOf(bytes, piece);
    assert.equal(await hex(cuts.head(place)), Buffer.from(init).toString("hex"));
    const inside = Buffer.from([...init, ...CLUSTER, ...time]).toString("hex");
    assert.equal(await hex(cuts.head(bytes.length - block.length)), inside);
    cuts.forget(bytes.length - block.length);
    assert.equal(await hex(cuts.head(bytes.length - block.length)), inside);
    assert.equal(cuts.head(init.length), null);
    assert.equal(cuts.head(bytes.length + 1), null);
  }
});

test("what is no recording, or cannot be read, has no place to begin at", async () => {
  for (const bytes of [new Uint8Array(2_000_000), new TextEncoder().encode("abcdefghijklmnop"), new Uint8Array([0x1a, 0x45, 0xdf, 0xa3, 0xff, 1, 1, 1, 1])]) {
    assert.equal((await cutsOf(bytes, 500_000)).head(4), null);
  }
  const cuts = new Cuts();
  cuts.take(/** @type {Blob} */ ({ size: 4 }));
  await settle();
  assert.equal(cuts.head(0), null);
});
