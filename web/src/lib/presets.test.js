import assert from "node:assert/strict";
import { test } from "node:test";
import { AUDIO_BITRATE, autoLabel, coresFor, fitting, heightFor, LOWEST_BITRATE, presetHint, presetName, PRESETS, qualityOf } from "./presets.js";

const H264 = "video/x-matroska;codecs=avc1,opus";

test("names, old ones too; what nobody knows goes by the upload", () => {
  assert.deepEqual(["720p30", "high", "saver", "nonsense", "auto"].map(presetName), ["720p30", "1080p30", "480p30", "auto", "auto"]);
  assert.equal(qualityOf("1080p60").frameRate, 60);
  assert.equal(qualityOf("auto").bitrate, 2_500_000);
});

test("what fits an upload: within it with headroom, never less than the least, larger for more, and never above 720p30", () => {
  let last = 0;
  for (let upload = 100_000; upload < 50_000_000; upload *= 1.07) {
    const { height, frameRate, bitrate } = fitting(upload);
    assert.ok(bitrate >= LOWEST_BITRATE && (bitrate === LOWEST_BITRATE || bitrate + AUDIO_BITRATE <= upload * 0.7 + 1), `${upload}`);
    assert.ok(height >= last && height <= 720 && frameRate === 30);
    last = height;
  }
  assert.deepEqual([8e6, 3.2e6, 2e6, 1e6, 1e5].map((upload) => fitting(upload).height), [720, 720, 480, 360, 360]);
  assert.deepEqual([null, 8e6].map(autoLabel), ["Fits your upload", "Fits your upload: 720p"]);
});

test("a height for a bitrate: each preset's own, smaller for less, bounded", () => {
  for (const { height, frameRate, bitrate } of Object.values(PRESETS)) if (frameRate === 30) assert.equal(heightFor(bitrate, 1080), height);
  assert.deepEqual([2_500_000, 1_500_000, 900_000, 540_000, 300_000].map((bitrate) => heightFor(bitrate, 720)), [720, 720, 480, 360, 360]);
  assert.equal(heightFor(9e9, 240), 240);
});

test("what it costs: by pixels, frames, codec and drawing", () => {
  assert.equal(coresFor(qualityOf("720p30"), H264, false), 0.3);
  assert.ok(Math.abs(coresFor(qualityOf("1080p60"), H264, false) - 1.35) < 1e-9);
  assert.equal(coresFor(qualityOf("720p30"), "video/webm;codecs=vp8,opus", false), 0.7);
  assert.ok(coresFor(qualityOf("720p30"), H264, true) > 0.6);
});

test("hints: cost always, the upload when it is too small for the choice", () => {
  const facts = { upload: null, cores: 8, mimeType: H264, drawn: false };
  assert.equal(presetHint("720p30", facts), "Takes up to 0.3 of this device’s 8 processor cores.");
  assert.match(presetHint("1080p60", { ...facts, cores: 2 }), /1\.[34] of this device’s 2 .* a lot/);
  assert.match(presetHint("1080p30", { ...facts, upload: 5e6 }), /measured at 5\.0 Mb\/s: that leaves too little/);
  assert.match(presetHint("auto", { ...facts, upload: 5e6 }), /^Sends 2\.5 Mb\/s\. Takes/);
  assert.match(presetHint("auto", { ...facts, upload: 2e5 }), /hardly enough/);
});
