import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcast } from "../testing/broadcast.js";
import { backoff, publisherBackoff } from "./backoff.js";
import { choices, isDevice, vanished } from "./devices.js";
import { liveSpan, qualities } from "./engine-hls.js";
import { RateMeter, UploadWatch } from "./flow.js";
import { bitrate, bytes, clock, secondsSince, span } from "./format.js";
import { PublishError } from "./publish-errors.js";
import { chooseType, codecWords, keyframeDistance, recorderOptions } from "./recording.js";
import { Recovery } from "./recovery.js";
import { describe, isOver, isTroubled, titleOf, troubleWords } from "./words.js";

test("times", () => {
  assert.deepEqual([7, 754, 3723, -1].map(clock), ["0:07", "12:34", "1:02:03", "0:00"]);
  assert.deepEqual([3, 720, 7200, 7500, 86_400, 200_000].map(span), ["a moment", "12 min", "2 h", "2 h 5 min", "1 day", "2 days"]);
  assert.equal(secondsSince("2026-11-21T02:00:00Z", Date.parse("2026-11-21T02:01:00Z")), 60);
  assert.deepEqual([secondsSince(null, 5), secondsSince("soon", 5), secondsSince("2999-01-01T00:00:00Z", 5)], [0, 0, 0]);
});

test("sizes and rates", () => {
  assert.deepEqual([0, 999, 1200, 123_456_789, 2e15].map(bytes), ["0 B", "999 B", "1.2 kB", "123 MB", "2000 TB"]);
  assert.deepEqual([640_000, 2_500_000].map(bitrate), ["640 kb/s", "2.5 Mb/s"]);
});

test("backoff doubles to its ceiling and spreads over the upper half", () => {
  assert.deepEqual([0, 1, 2, 30].map((attempt) => backoff(attempt, () => 1)), [500, 1000, 2000, 10_000]);
  assert.deepEqual([0, 30].map((attempt) => backoff(attempt, () => 0)), [250, 5000]);
});

test("the cheapest type that the browser records", () => {
  assert.equal(chooseType(true, () => true), "video/x-matroska;codecs=avc1,opus");
  assert.equal(chooseType(true, (type) => type.startsWith("video/webm")), "video/webm;codecs=h264,opus");
  assert.equal(chooseType(true, (type) => type === "video/mp4"), "video/mp4");
  assert.equal(chooseType(false, () => true), "audio/webm;codecs=opus");
  assert.equal(chooseType(true, () => false), null);
});

test("keyframes: by time alone, one for each segment, or for an even part of a long one", () => {
  assert.equal("videoKeyFrameIntervalCount" in recorderOptions("video/webm", 1, 1000), false);
  assert.deepEqual([1, 2, 2.5, 3, 4, 6, 10].map(keyframeDistance), [1000, 2000, 2500, 1500, 2000, 2000, 2500]);
  assert.deepEqual([0, NaN, 0.5].map(keyframeDistance), [2000, 2000, 1000]);
});

test("codecs in words", () => {
  assert.equal(codecWords("video/x-matroska;codecs=avc1.42E01E,opus"), "H.264 + Opus");
  assert.equal(codecWords('video/webm;codecs="vp8, opus"'), "VP8 + Opus");
  assert.equal(codecWords("video/webm"), "video/webm");
});

test("the rate over the last seconds", () => {
  const meter = new RateMeter();
  assert.equal(meter.bitsPerSecond(0), 0);
  for (let at = 0; at <= 20_000; at += 250) meter.add(at, 25_000);
  assert.equal(meter.bitsPerSecond(20_000), 800_000);
  assert.equal(meter.total, 81 * 25_000);
  assert.equal(meter.bitsPerSecond(60_000), 0);
});

test("an upload is slow when it does not catch up, not when it does", () => {
  const watch = new UploadWatch();
  const note = (/** @type {number[]} */ ...behind) => behind.map((seconds, index) => (watch.note(index * 1000, seconds), watch.slow)).at(-1);
  assert.equal(note(20, 19, 18, 17, 16, 15, 14, 13, 12, 11), false);
  watch.reset();
  assert.equal(note(12, 12, 12, 12), false, "not known yet");
  watch.reset();
  assert.equal(note(11, 11.2, 11.4, 11.6, 11.8, 12), true);
  watch.note(6000, 6);
  assert.equal(watch.slow, true);
  watch.note(7000, 4);
  assert.equal(watch.slow, false);
});

test("a publisher tries again at once, within a second for a minute, then within five", () => {
  const wait = (/** @type {number} */ attempt, lostForMs = 0, full = false, random = 0) => publisherBackoff({ attempt, lostForMs, full }, () => random);
  assert.deepEqual([0, 1, 2, 3, 4, 9].map((attempt) => wait(attempt)), [0, 250, 500, 1000, 1000, 1000]);
  assert.deepEqual([1, 3].map((attempt) => wait(attempt, 0, false, 1)), [125, 500]);
  assert.equal(wait(50, 61_000), 5000);
  assert.deepEqual([0, 1, 9].map((attempt) => wait(attempt, 0, true)), [1000, 2000, 10_000]);
});

test("devices before and after the permission", () => {
  const words = { fallback: "Camera", none: "No camera", missing: "No camera found" };
  const hidden = [{ kind: "videoinput", deviceId: "", label: "" }];
  assert.deepEqual(choices(hidden, "videoinput", words), [{ value: "", label: "Camera" }, { value: "none", label: "No camera" }]);
  assert.deepEqual(choices([], "videoinput", words), [{ value: "missing", label: "No camera found" }]);
  assert.deepEqual(["", "a", "none", "missing"].map(isDevice), [true, true, false, false]);
  const named = [{ kind: "videoinput", deviceId: "a", label: "Front" }, { kind: "audioinput", deviceId: "m", label: "Mic" }, { kind: "videoinput", deviceId: "b", label: "" }];
  assert.deepEqual(choices(named, "videoinput", words).map(({ label }) => label), ["Front", "Camera 2", "No camera"]);
  assert.deepEqual(["a", "z", ""].map((id) => vanished(named, "videoinput", id)), [false, true, false]);
  assert.deepEqual([vanished(hidden, "videoinput", "a"), vanished([], "videoinput", "a"), vanished(named, "audioinput", "a")], [false, true, true]);
});

test("what was thrown, in words", () => {
  assert.equal(PublishError.from(new DOMException("", "NotReadableError")).code, "device_busy");
  assert.equal(PublishError.from(new Error("odd")).message, "Something unexpected went wrong in the browser. (odd)");
  assert.equal(PublishError.from("odd").code, "unexpected");
  const ours = new PublishError("no_file");
  assert.equal(PublishError.from(ours), ours);
});

test("qualities, highest first, by their index in the library", () => {
  const levels = [{ height: 360, bitrate: 8e5 }, { height: 720, bitrate: 3e6 }, { height: 0, bitrate: 128_000 }];
  assert.deepEqual(qualities(levels), [{ value: "1", label: "720p" }, { value: "0", label: "360p" }, { value: "2", label: "128 kb/s" }]);
});

test("nobody is sent to what slides out of the window meanwhile, nor beyond the edge", () => {
  assert.deepEqual(liveSpan(100, 190), { start: 106, end: 190 });
  assert.deepEqual(liveSpan(0, 8), { start: 2, end: 8 });
  assert.deepEqual(liveSpan(5, 4), { start: 4, end: 4 });
});

test("recovery: resume, recover twice, reload, and at last give up", () => {
  const recovery = new Recovery();
  assert.deepEqual([1, 2, 3].map(() => recovery.next("media")), ["recover", "recover", "reload"]);
  assert.equal(recovery.next("network"), "resume");
  assert.equal(recovery.attempt, 3);
  for (let i = 0; i < 4; i++) recovery.next("other");
  assert.equal(recovery.next("network"), "give_up");
  recovery.played();
  assert.equal(recovery.next("other"), "reload");
});

test("states in words", () => {
  assert.equal(describe("interrupted").badge, "Back soon");
  assert.equal(describe(/** @type {any} */ ("new one")).over, false);
  assert.deepEqual([isOver(null), isTroubled(null)], [false, false]);
  assert.equal(isOver(broadcast({ state: "failed" })), true);
  assert.notEqual(troubleWords(broadcast({ state: "interrupted" })), troubleWords(broadcast({ state: "stalled" })));
  assert.equal(titleOf(broadcast({ title: "" })), "Live on demo");
});
