import assert from "node:assert/strict";
import { test } from "node:test";
import { checklist, summary } from "./checklist.js";
import { PRESETS } from "./presets.js";

/** @typedef {import("./checklist.js").Facts} Facts */

const quality = /** @type {import("./presets.js").Quality} */ (PRESETS["720p30"]);
/** @type {Facts} */
const well = { kind: "camera", open: true, picture: true, sound: true, muted: false, asleep: false, heard: true, silentSeconds: 0, upload: 8_000_000, quality, fits: true, room: { ready: true, live: false, reasons: [] } };

/** @param {Partial<Facts>} changes @returns {Record<string, [string, string]>} by id: light and words */
function told(changes) {
  return Object.fromEntries(checklist({ ...well, ...changes }).map(({ id, light, words }) => [id, [light, words]]));
}

test("all is well", () => {
  assert.deepEqual(told({}), { picture: ["good", "On, see above"], sound: ["good", "You are heard"], upload: ["good", "8 Mb/s, enough for 720p"], room: ["good", "Has room for you"] });
  assert.equal(summary(checklist(well)), "Everything is ready.");
});

test("before anything is open there is nothing to complain of", () => {
  const found = told({ open: false, heard: false, upload: "measuring", room: null });
  assert.deepEqual(Object.values(found).map(([light]) => light), ["off", "off", "wait", "wait"]);
  assert.deepEqual(told({ open: false, kind: "file" }).picture, ["off", "Choose one"]);
  assert.deepEqual(told({ open: false, kind: "file", loaded: true }).picture, ["good", "Chosen, see above"]);
  assert.equal(summary(checklist({ ...well, open: false })), "");
});

test("the microphone: heard, not yet, not at all, muted, missing", () => {
  assert.deepEqual(told({ heard: false, silentSeconds: 2 }).sound, ["wait", "Say something"]);
  assert.deepEqual(told({ heard: false, silentSeconds: 20 }).sound, ["care", "Nothing heard yet"]);
  assert.deepEqual(told({ muted: true }).sound, ["care", "Muted"]);
  assert.deepEqual(told({ asleep: true, heard: false, silentSeconds: 20 }).sound, ["wait", "Press anywhere to test it"]);
  assert.deepEqual(told({ sound: false }).sound, ["care", "None: nobody hears you"]);
  assert.deepEqual(told({ kind: "file", heard: false, silentSeconds: 20 }).sound, ["wait", "Silent so far"]);
});

test("a screen without a microphone has sound, and nobody who speaks", () => {
  const [, found] = checklist({ ...well, kind: "screen", voice: false });
  assert.deepEqual([found?.title, found?.words], ["Sound", "On"]);
  assert.deepEqual(told({ kind: "screen", voice: false, sound: false }).sound, ["care", "None: nobody hears you"]);
  assert.deepEqual(checklist({ ...well, kind: "screen", open: false, voice: false })[1]?.title, "Microphone");
});

test("a source without a picture is sound only", () => {
  assert.deepEqual(told({ picture: false }).picture, ["care", "Sound only"]);
});

test("the upload: enough, or not, or not known", () => {
  assert.deepEqual(told({ upload: 2_600_000, fits: false }).upload, ["care", "2.6 Mb/s, little for 720p"]);
  assert.deepEqual(told({ upload: 300_000 }).upload, ["care", "300 kb/s, hardly enough"]);
  assert.deepEqual(told({ upload: "unknown" }).upload, ["off", "Not measured"]);
});

test("the server: its first reason, or that somebody else is live", () => {
  assert.deepEqual(told({ room: { ready: false, live: false, reasons: ["The server is full.", "More."] } }).room, ["bad", "The server is full."]);
  assert.deepEqual(told({ room: { ready: false, live: true, reasons: ["Already live."] } }).room, ["care", "Somebody is live on this channel"]);
  assert.deepEqual(told({ room: "unknown" }).room, ["off", "Not asked: the link names no channel"]);
  assert.match(summary(checklist({ ...well, muted: true, room: { ready: false, live: false, reasons: ["Full."] } })), /^Microphone: Muted\. Server: Full/);
});
