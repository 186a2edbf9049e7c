import assert from "node:assert/strict";
import { test } from "node:test";
import { delay, look } from "./whep.js";

const VIDEO = { type: "inbound-rtp", kind: "video", packetsReceived: 90, framesDecoded: 30, framesPerSecond: 20, jitterBufferDelay: 3, jitterBufferEmittedCount: 30 };
const AUDIO = { type: "inbound-rtp", kind: "audio", packetsReceived: 50, jitterBufferDelay: 960, jitterBufferEmittedCount: 48_000 };
const PAIR = { type: "candidate-pair", state: "succeeded", nominated: true, currentRoundTripTime: 0.04 };

test("progress is counted in pictures; where only sound comes, in packets of it; nothing is no progress", () => {
  assert.equal(look([PAIR, AUDIO, VIDEO]).progress, 30);
  assert.equal(look([AUDIO]).progress, 50);
  assert.equal(look([AUDIO, { ...VIDEO, packetsReceived: 0, framesDecoded: 0 }]).progress, 50);
  assert.equal(look([{ ...VIDEO, framesDecoded: undefined }, AUDIO]).progress, 0, "a video whose first picture is not whole");
  assert.equal(look([]).progress, 0);
});

test("the delay is of the last moment: half a round trip, the jitter buffer, one picture", () => {
  const before = look([VIDEO, PAIR]);
  const now = look([{ ...VIDEO, jitterBufferDelay: 5, jitterBufferEmittedCount: 40 }, PAIR]);
  assert.equal(delay(before, now).toFixed(3), (0.02 + 0.2 + 0.05).toFixed(3));
  assert.equal(delay(now, now).toFixed(3), (0.02 + 0.05).toFixed(3), "nothing was shown meanwhile");
});
