import assert from "node:assert/strict";
import { test } from "node:test";
import { LastMinutes, SPAN } from "./last-minutes.js";

/** @param {Partial<import("./last-minutes.js").Sample>} [changes] @returns {import("./last-minutes.js").Sample} */
function sample(changes = {}) {
  return { sent: 0, safe: 0, unsafe: 2, lag: null, latency: 1, speed: 1, viewers: 3, ...changes };
}

test("it keeps two minutes and no more", () => {
  const ring = new LastMinutes();
  for (let second = 0; second < 500; second++) ring.add(second, sample({ unsafe: second }));
  assert.equal(ring.times.length, SPAN);
  assert.deepEqual([ring.times[0], ring.times.at(-1)], [380, 499]);
  assert.deepEqual(ring.of("unsafe"), ring.times);
  assert.equal(ring.rate("sent").length, SPAN);
  ring.clear();
  assert.deepEqual([ring.times, ring.of("viewers"), ring.rate("safe")], [[], [], []]);
});

test("rates are made of totals, over some seconds, by the clock", () => {
  const ring = new LastMinutes();
  for (let second = 0; second < 8; second++) ring.add(100 + second * 2, sample({ sent: second * 1000, safe: Math.floor(second / 2) * 2000 }));
  assert.deepEqual(ring.rate("sent"), [null, 4000, 4000, 4000, 4000, 4000, 4000, 4000]);
  assert.equal(ring.rate("safe").at(-1), 3200, "from the third sample to the eighth: 2000 to 6000 bytes");
});

test("viewers are behind by what it takes to the playlist, and by the player's distance from there", () => {
  const ring = new LastMinutes();
  ring.add(0, sample());
  assert.equal(ring.behind(1), null);
  for (const [second, lag] of [9, 1, 1.2, 1.4, 1.2, 1.2].entries()) ring.add(second + 1, sample({ lag }));
  assert.equal(Number(ring.behind(1)).toFixed(2), "3.40");
  assert.equal(Number(ring.behind(4)).toFixed(2), "9.40", "players stay two segments away");
});

test("what waits on the server grows, or came at once and becomes less", () => {
  const grows = (/** @type {number[]} */ latencies) => {
    const ring = new LastMinutes();
    latencies.forEach((latency, second) => ring.add(second, sample({ latency })));
    return ring.growing;
  };
  assert.equal(grows([1, 2, 1, 2, 1, 2, 1, 2, 1, 2]), false, "segment by segment");
  assert.equal(grows([1, 2, 1.4, 2.4, 1.8, 2.8, 2.2, 3.2, 2.6, 3.6]), true);
  assert.equal(grows([1, 1, 1, 1, 1, 1, 14, 12, 10, 8]), false, "after a pause");
  assert.equal(grows([1, 2, 3]), false, "not known yet");
});
