import assert from "node:assert/strict";
import { test } from "node:test";
import { whipHealth } from "./whip-health.js";

/** @typedef {import("./health.js").Situation} Situation */

const NETWORK = { bitrate: 900_000, roundTrip: 0.02, lost: 0, limited: "none", limitedSeconds: 0, lag: 2 };
const STATUS = /** @type {any} */ ({ state: "live", message: "The broadcast is live.", media_time: 12, viewers: 3 });

/** @param {Partial<Situation>} [changes] @param {Partial<import("./whip.js").Network>} [network] @param {boolean} [over] */
function said(changes = {}, network = {}, over = false) {
  const statistics = { connected: true, unsafeSeconds: 0, retrySeconds: 0, renewing: false, overdue: false, resumed: true, slow: false, lowered: false, bitrate: 1, wantedBitrate: 1, network: { ...NETWORK, ...network } };
  return whipHealth({ state: "live", message: "", status: STATUS, statistics, behind: 4.21, ...changes }, over);
}

test("who watches by which way is how far behind", () => {
  assert.deepEqual(said(), { light: "good", words: "Live. Viewers by WebRTC are a fraction of a second behind. By HLS they are 4.2 s behind.", said: "You are live." });
  assert.equal(said({ behind: null }).words, "Live. Viewers by WebRTC are a fraction of a second behind.");
  assert.equal(said({ status: { ...STATUS, viewers: 0 } }).words, "Live. Nobody is watching at the moment.");
});

test("what is wrong comes first, and only after a while", () => {
  assert.match(said({ status: null }).words, /^Connected\./);
  assert.match(said({ status: { ...STATUS, state: "starting", message: "Nothing is lost." } }).words, /^Connected again\./);
  assert.deepEqual([said({ status: { ...STATUS, state: "backing_off", message: "Again." } }).words, said({}, { lost: 0.04 }).light], ["Again.", "good"]);
  assert.match(said({}, { lost: 0.12 }).words, /^The network loses much .* 12 % does not arrive at first\.$/);
  assert.equal(said({}, { limited: "bandwidth", limitedSeconds: 3 }).light, "good");
  assert.match(said({}, { limited: "bandwidth", limitedSeconds: 6 }).words, /^Your upload carries less .* Sent at 900 kb\/s\.$/);
  assert.match(said({}, { limited: "cpu", limitedSeconds: 60 }).words, /^This device is too busy/);
});

test("nothing is said to be safe", () => {
  const away = { state: /** @type {const} */ ("reconnecting"), message: "Connection lost.", status: null };
  assert.deepEqual(said(away), { light: "bad", words: "Connection lost. Nobody sees you meanwhile, and nothing of it is kept.", said: "Connection lost. Nobody sees you meanwhile, and nothing of it is kept." });
  assert.match(said(away, {}, true).words, /has ended the broadcast; a new one begins/);
  for (const state of /** @type {const} */ (["live", "reconnecting", "stopping"])) assert.doesNotMatch(said({ state }).words, /nothing is lost|safe/i);
  assert.equal(said({ state: "stopping" }).words, "Finishing…");
  assert.equal(said({ state: "idle" }).words, "Ready when you are.");
});
