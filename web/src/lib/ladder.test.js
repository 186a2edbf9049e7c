import assert from "node:assert/strict";
import { test } from "node:test";
import { Ladder } from "./ladder.js";

const [high, low] = [rendition("720p", 720), rendition("360p", 360)];

/** @param {string} name @param {number} height */
function rendition(name, height) {
  return { name, width: 0, height, frame_rate: 30, bandwidth: 0 };
}

test("a quality that came later is looked for when it has been there for a moment, and once", () => {
  const ladder = new Ladder();
  const ask = (/** @type {string[]} */ labels, /** @type {number} */ now) => ladder.grown({ renditions: [high, low], labels, now });
  assert.equal(ask(["720p", "360p"], 0), false);
  assert.deepEqual([1000, 3900, 4000, 5000, 9000].map((now) => ask(["360p"], now)), [false, false, true, false, false]);
});

test("what comes and goes is not looked for, nor what there is no choice of", () => {
  const ladder = new Ladder();
  assert.equal(ladder.grown({ renditions: [high], labels: ["360p"], now: 0 }), false);
  assert.equal(ladder.grown({ renditions: [low], labels: ["360p"], now: 2000 }), false);
  assert.equal(ladder.grown({ renditions: [high], labels: ["360p"], now: 4000 }), false);
  for (const now of [0, 5000]) assert.equal(new Ladder().grown({ renditions: [high, low], labels: [], now }), false);
  assert.equal(new Ladder().grown({ renditions: [rendition("audio", 0)], labels: ["128 kb/s"], now: 9000 }), false);
});
