import assert from "node:assert/strict";
import { test } from "node:test";
import { chosenDelay, DELAYS, delayWords, judge, WayDirect, wishOf } from "./way-direct.js";

/** One that has no chance in it. @param {import("./way-direct.js").Wish} [wish] */
const steady = (wish) => new WayDirect(wish, () => 0);

/** When it may be tried again after each of so many failures in a row, in seconds. @param {WayDirect} way @param {number} failures */
function waits(way, failures) {
  const found = [];
  let now = 0;
  for (let i = 0; i < failures; i++) {
    way.failed(now);
    let wait = 0;
    while (!way.mayTry(now + wait)) wait += 1000;
    found.push(wait / 1000);
    now += wait;
  }
  return found;
}

test("it is left for half a minute, then for twice as long each time, up to ten minutes", () => {
  assert.deepEqual(waits(steady(), 7), [30, 60, 120, 240, 480, 600, 600]);
});

test("who wants the lowest delay has it tried sooner", () => {
  assert.deepEqual(waits(steady("lowest"), 6), [5, 10, 20, 40, 60, 60]);
});

test("what went well for a minute begins to count anew, what did not does not", () => {
  const way = steady();
  way.failed(0);
  way.began(30_000);
  way.failed(31_000);
  assert.deepEqual([90_999, 91_000].map((now) => way.mayTry(now)), [false, true]);
  way.began(91_000);
  way.failed(151_000);
  assert.deepEqual([180_999, 181_000].map((now) => way.mayTry(now)), [false, true]);
  way.failed(181_000);
  assert.equal(way.mayTry(240_999), false, "an attempt that did not begin is not the one that went well");
});

test("those who failed together come back one by one", () => {
  const [soon, late] = [steady(), new WayDirect("auto", () => 1)];
  for (const way of [soon, late]) way.failed(0);
  assert.deepEqual([soon, late].map((way) => [30_000, 37_499, 37_500].map((now) => way.mayTry(now))), [[true, true, true], [false, false, true]]);
});

test("a server that asks for more time gets it", () => {
  const way = steady("lowest");
  way.failed(0, 20_000);
  assert.deepEqual([19_999, 20_000].map((now) => way.mayTry(now)), [false, true]);
});

test("another wish is tried at once; the same one again changes nothing; none, and a chosen quality, is not tried", () => {
  const way = new WayDirect();
  way.failed(0);
  way.choose("auto");
  assert.equal(way.mayTry(1), false);
  way.choose("lowest");
  assert.equal(way.mayTry(1), true);
  way.choose("none");
  assert.equal(way.mayTry(1e9), false);
  way.choose("auto");
  way.hold(true);
  assert.equal(way.mayTry(1), false);
  way.hold(false);
  assert.equal(way.mayTry(1), true);
});

test("the menu of delays, and what each asks for", () => {
  assert.deepEqual(DELAYS.map(({ value }) => wishOf(value)), ["auto", "lowest", "none", "none", "none"]);
  assert.deepEqual([null, "low", "safe", "nonsense"].map(chosenDelay), ["auto", "auto", "safe", "auto"]);
  assert.deepEqual([null, "low"].map(wishOf), ["auto", "auto"], "low was the lowest there was");
});

test("what is said beside the delay", () => {
  const way = new WayDirect();
  assert.equal(delayWords({ direct: true, way }), "by WebRTC");
  assert.equal(delayWords({ direct: false, way: null }), "");
  assert.equal(delayWords({ direct: false, way }), "", "it has not been tried");
  way.failed(0);
  assert.match(delayWords({ direct: false, way }), /does not get through now/);
  way.hold(true);
  assert.match(delayWords({ direct: false, way }), /automatic quality only/);
  assert.equal(delayWords({ direct: false, way: new WayDirect("none") }), "");
});

/** @type {[string, Parameters<typeof judge>[0], string][]} */
const pictures = [
  ["goes", { standingMs: 400, onAirMs: 60_000, over: false }, "goes"],
  ["stands for a moment", { standingMs: 1000, onAirMs: 60_000, over: false }, "stands"],
  ["stands while the broadcast goes on", { standingMs: 2000, onAirMs: 60_000, over: false }, "lost"],
  ["stands with the broadcast", { standingMs: 20_000, onAirMs: 0, over: false }, "stands"],
  ["stands, and the broadcast went on just now", { standingMs: 20_000, onAirMs: 1900, over: false }, "stands"],
  ["moves after the broadcast", { standingMs: 100, onAirMs: 0, over: true }, "goes"],
  ["stands after the broadcast", { standingMs: 1500, onAirMs: 0, over: true }, "over"],
];

for (const [name, facts, verdict] of pictures) test(`a picture that ${name}: ${verdict}`, () => assert.equal(judge(facts), verdict));
