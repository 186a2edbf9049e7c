import assert from "node:assert/strict";
import { test } from "node:test";
import { health } from "./health.js";

/** @typedef {import("./health.js").Situation} Situation */

/** @type {import("./types.js").Status} */
const well = { state: "live", message: "Live.", speed: 1.02, fps: 30, renditions: ["720p"], dropped: [], viewers: 3, latency: 1.4, media_time: 30, restarts: 0 };
/** @type {Situation["statistics"]} */
const figures = { connected: true, unsafeSeconds: 2.2, retrySeconds: 0, renewing: false, overdue: false, resumed: false, slow: false, lowered: false, bitrate: 2_500_000, wantedBitrate: 2_500_000 };

/**
 * @param {Situation["state"]} state @param {Partial<Situation["statistics"]>} [statistics]
 * @param {{ message?: string, status?: Partial<Situation["status"]> | null, behind?: number | null, growing?: boolean, counting?: boolean }} [more]
 */
function at(state, statistics = {}, { message = "", status = {}, behind = 3.14, growing = true, counting = false } = {}) {
  const said = status === null ? null : { ...well, ...status };
  return health({ state, message, status: said, statistics: { ...figures, ...statistics }, behind, growing, counting });
}

const live = (statistics = {}, more = {}) => at("live", statistics, more);
const CRASHED = "The encoder crashed and is being started again. Nothing is lost.";

test("live and well", () => {
  assert.deepEqual(live(), { light: "good", words: "Live. Viewers are 3.1 s behind.", said: "You are live." });
  assert.equal(live({}, { behind: 12.4 }).words, "Live. Viewers are 12 s behind.");
  assert.equal(live({}, { behind: null }).words, "Live.");
  assert.equal(live({}, { status: { viewers: 0 } }).words, "Live. Nobody is watching at the moment.");
  assert.equal(live({}, { status: { viewers: null } }).words, "Live. Viewers are 3.1 s behind.");
  const low = live({ lowered: true, bitrate: 900_000 });
  assert.deepEqual([low.light, low.words], ["good", "Live. Viewers are 3.1 s behind. Sent at 900 kb/s, as your upload carries no more."]);
});

test("the first seconds: nobody sees it yet", () => {
  const begun = live({}, { status: { state: "starting", media_time: 0 } });
  assert.deepEqual([begun.light, begun.words], ["wait", "Connected. The first seconds are on their way; nobody sees you yet."]);
  assert.equal(live({}, { status: null }).words, begun.words);
  assert.match(live({ resumed: true }, { status: null }).words, /^Connected again\./);
});

test("the upload is too slow", () => {
  const slow = { slow: true, unsafeSeconds: 13.2 };
  assert.deepEqual(live(slow), {
    light: "care",
    words: "Your upload is too slow for 2.5 Mb/s: 12 s are waiting here, nothing is lost.",
    said: "Your upload is too slow for 2.5 Mb/s. Nothing is lost.",
  });
  const lowered = live({ ...slow, lowered: true, bitrate: 900_000 });
  assert.equal(lowered.words, "Your upload is too slow for 2.5 Mb/s: 12 s are waiting here, nothing is lost. For now it is sent at 900 kb/s.");
  const least = live({ ...slow, lowered: true, bitrate: 300_000 });
  assert.equal(least.words, "Your upload is too slow even for the lowest quality: 12 s are waiting here, nothing is lost.");
  assert.match(live({ ...slow, unsafeSeconds: 551.4 }).words, /550 s are waiting here, and there is room for 50 s more, nothing is lost\.$/);
  const early = live({ unsafeSeconds: 7 });
  assert.deepEqual([early.light, early.words], ["care", "Your upload falls behind: 6 s are waiting here, nothing is lost."]);
  assert.equal(live({ unsafeSeconds: 7 }, { status: { latency: 5.5 } }).light, "good", "that is on the server");
});

test("the server is short of something", () => {
  assert.equal(live({}, { status: { dropped: ["720p"] } }).words, "Live without 720p: the server is short of processor time. Viewers are 3.1 s behind.");
  assert.match(live({}, { status: { dropped: ["720p", "480p"] } }).words, /^Live without 720p and 480p:/);
  const encoder = live({ unsafeSeconds: 9 }, { status: { speed: 0.8, latency: 8.1 }, behind: 10 });
  assert.deepEqual([encoder.light, encoder.words], ["care", "Live, but the server’s encoder is slower than real time. Nothing is lost. Viewers are 10 s behind."]);
  assert.equal(live({}, { status: { speed: 0.8 } }).light, "good", "slow for a moment, and nothing waits");
  const after = live({ unsafeSeconds: 14 }, { status: { speed: 0.5, latency: 13 }, growing: false });
  assert.match(after.words, /catching up/, "it had nothing to do for a while");
  assert.match(live({ unsafeSeconds: 14 }, { status: { latency: 12 } }).words, /^Live, and the server is catching up\./);
});

test("the server has a hiccup: it says itself what has happened", () => {
  for (const state of /** @type {const} */ (["starting", "stalled", "backing_off"])) {
    const found = live({}, { status: { state, message: CRASHED } });
    assert.deepEqual(found, { light: "care", words: CRASHED, said: CRASHED });
  }
  assert.match(live({}, { status: { state: "stalled", message: "Live.", media_time: 0 } }).words, /starts its encoder again.*nothing is lost/);
});

test("the server is gone", () => {
  const away = at("reconnecting", { connected: false, unsafeSeconds: 11.2, retrySeconds: 3.4 }, { message: "Connection lost.", status: null });
  assert.equal(away.light, "bad");
  assert.equal(away.words, "Connection lost. Recording goes on here; nothing is lost. 12 s are waiting here. Next try in 4 s.");
  assert.equal(away.said, "Connection lost. Recording goes on here; nothing is lost.");
  assert.match(at("reconnecting", { overdue: true }, { message: "Connection lost." }).words, /probably ended the broadcast/);
});

test("stopping, connected and not", () => {
  assert.equal(at("stopping").words, "Finishing… The last 3 s are on their way to the viewers.");
  assert.equal(at("stopping", { unsafeSeconds: 0 }, { message: "The file is over." }).words, "Finishing… The file is over.");
  const away = at("stopping", { connected: false }, { message: "Connection lost." });
  assert.deepEqual([away.light, away.words], ["bad", "Connection lost. Recording has stopped; the rest is delivered as soon as the server answers. Keep this page open. 3 s are waiting here."]);
});

test("before and after", () => {
  assert.deepEqual(at("idle"), { light: "off", words: "Ready when you are.", said: "Ready when you are." });
  assert.equal(at("preparing").words, "Opening the source…");
  assert.equal(at("preparing", {}, { counting: true }).words, "You go live in a moment.");
  assert.deepEqual([at("connecting").light, at("connecting").words], ["wait", "Connecting to the server…"]);
  const full = at("connecting", { retrySeconds: 1.5 }, { message: "The server is full at the moment." });
  assert.deepEqual([full.light, full.words], ["care", "The server is full at the moment. Trying again… Next try in 2 s."]);
  assert.deepEqual(at("ended", {}, { message: "Ended." }), { light: "off", words: "Ended.", said: "Ended." });
  assert.deepEqual([at("failed").light, at("failed").words], ["bad", "Not live."]);
});

test("of several things that hold, one wins: what viewers miss, then the upload, then the server", () => {
  const all = { slow: true, lowered: true, bitrate: 900_000, unsafeSeconds: 20 };
  const server = { dropped: ["720p"], speed: 0.5, latency: 7 };
  assert.equal(live(all, { status: { ...server, state: "backing_off", message: CRASHED } }).words, CRASHED);
  assert.match(live(all, { status: { ...server, state: "starting", media_time: 0 } }).words, /^Connected\./);
  assert.match(live({ ...all, unsafeSeconds: 30 }, { status: { ...server, latency: 12 } }).words, /slower than real time/, "it does not read what is sent");
  assert.match(live(all, { status: server }).words, /^Your upload is too slow/);
  assert.match(live({ unsafeSeconds: 20 }, { status: server }).words, /^Your upload falls behind/);
  assert.match(live({ unsafeSeconds: 9 }, { status: server }).words, /^Live without 720p/);
  assert.match(live({ unsafeSeconds: 9 }, { status: { ...server, dropped: [] } }).words, /slower than real time/);
  assert.match(live({ unsafeSeconds: 11 }, { status: { latency: 8 } }).words, /catching up/);
});
