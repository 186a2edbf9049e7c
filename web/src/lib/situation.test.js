import assert from "node:assert/strict";
import { test } from "node:test";
import { encoderFigures, lossWords, safety, sentence, warning } from "./situation.js";

/** @typedef {import("./situation.js").Situation} Situation */

/** @type {import("./types.js").Status} */
const well = { state: "live", message: "Live.", speed: 1.02, fps: 30, renditions: ["720p"], dropped: [], viewers: null, latency: 1.94, media_time: 3, restarts: 0 };
const figures = { connected: true, recording: true, unsafeSeconds: 3.21, retrySeconds: 0, renewing: false, overdue: false, resumed: false, slow: false, lowered: false, bitrate: 2_500_000 };

/**
 * @param {Situation["state"]} state @param {Partial<Situation["statistics"]>} [statistics]
 * @param {{ message?: string, status?: Partial<Situation["status"]> | null }} [more]
 * @returns {Situation}
 */
function situation(state, statistics = {}, { message = "", status = {} } = {}) {
  return { state, message, status: status === null ? null : { ...well, ...status }, statistics: { ...figures, ...statistics } };
}

test("live: the sentence is calm and so is the figure", () => {
  assert.equal(sentence(situation("live"), "demo"), "You are live on demo.");
  assert.equal(sentence(situation("live", {}, { status: null }), ""), "You are live on your channel.");
  assert.deepEqual(safety(situation("live")), { text: "3.2 s not yet safe", level: "calm" });
  assert.equal(safety(situation("live", { unsafeSeconds: 8 })).level, "high");
  assert.equal(warning(situation("live")), "");
});

test("live, with the server in trouble", () => {
  assert.match(sentence(situation("live", {}, { status: { state: "starting", media_time: 0 } }), ""), /first seconds/);
  assert.match(sentence(situation("live", { resumed: true }, { status: { state: "starting", media_time: 0 } }), ""), /^Connected again/);
  for (const state of /** @type {const} */ (["stalled", "backing_off"])) {
    assert.match(sentence(situation("live", {}, { status: { state, media_time: 0 } }), ""), /encoder again.*nothing is lost/);
  }
  assert.equal(warning(situation("live", {}, { status: { dropped: ["720p"] } })), "720p is paused: the server is short of processor time.");
  assert.match(warning(situation("live", {}, { status: { dropped: ["720p", "480p"] } })), /^720p and 480p are paused/);
  assert.match(warning(situation("live", { unsafeSeconds: 12 })), /catching up/);
});

test("what viewers see already does not begin: the server says what has happened", () => {
  const message = "The encoder crashed and is being started again. Nothing is lost.";
  for (const state of /** @type {const} */ (["starting", "backing_off", "stalled"])) {
    for (const resumed of [false, true]) {
      assert.equal(sentence(situation("live", { resumed }, { status: { state, message, media_time: 0.5 } }), ""), message);
    }
  }
  assert.equal(sentence(situation("live", {}, { status: { message } }), "demo"), "You are live on demo.");
});

test("too slow an upload", () => {
  assert.match(warning(situation("live", { slow: true, lowered: true, bitrate: 600_000 })), /lowered to 600 kb\/s/);
  assert.match(warning(situation("live", { slow: true })), /even for the lowest quality/);
});

test("reconnecting: nothing is lost, and how much waits stands beside it", () => {
  const away = situation("reconnecting", { connected: false, unsafeSeconds: 11.2, retrySeconds: 3.4 }, { message: "Connection lost.", status: null });
  assert.equal(sentence(away, "demo"), "Connection lost. Recording goes on here; nothing is lost.");
  assert.deepEqual(safety(away), { text: "12 s are waiting here · next try in 4 s", level: "high" });
  assert.equal(warning(away), "");
  const over = situation("reconnecting", { renewing: true }, { message: `It is over. ${lossWords(7.4)}` });
  assert.match(sentence(over, ""), /7 s could not be delivered.*a new broadcast begins/);
  const late = situation("reconnecting", { connected: false, overdue: true }, { message: "Connection lost." });
  assert.match(sentence(late, ""), /^Connection lost\. The server has probably ended the broadcast.*what is kept here begins a new one/);
});

test("stopping, connected and not", () => {
  assert.equal(sentence(situation("stopping"), ""), "Finishing…");
  assert.equal(sentence(situation("stopping", {}, { message: "The file is over." }), ""), "Finishing… The file is over.");
  assert.equal(safety(situation("stopping")).text, "4 s are still on their way into the playlist");
  const away = situation("stopping", { connected: false }, { message: "Connection lost." });
  assert.match(sentence(away, ""), /^Connection lost\. Recording has stopped.*Keep this page open/);
  assert.equal(safety(away).text, "4 s are waiting here");
  assert.match(sentence({ ...away, statistics: { ...away.statistics, overdue: true } }, ""), /probably ended.*the rest begins a new one.*Keep this page open/);
  assert.match(sentence({ ...away, statistics: { ...away.statistics, renewing: true } }, ""), /the rest begins a new broadcast/);
});

test("before and after", () => {
  const texts = /** @type {const} */ (["idle", "preparing", "connecting", "failed"]).map((state) => sentence(situation(state), ""));
  assert.deepEqual(texts, ["Ready when you are.", "Opening the source…", "Connecting to the server…", "Not live."]);
  assert.equal(sentence(situation("connecting", {}, { message: "The server is full at the moment." }), ""), "The server is full at the moment. Trying again…");
  assert.equal(safety(situation("connecting", { retrySeconds: 1.5 })).text, "Next try in 2 s");
  assert.equal(sentence(situation("ended", {}, { message: "Ended." }), ""), "Ended.");
  assert.deepEqual(safety(situation("ended")).level, "none");
});

test("figures of the encoder", () => {
  assert.deepEqual(encoderFigures(well), { speed: "1.02×", latency: "1.9 s" });
  assert.deepEqual(encoderFigures(null), { speed: "–", latency: "–" });
});
