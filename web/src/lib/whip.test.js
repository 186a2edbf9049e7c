import assert from "node:assert/strict";
import { test } from "node:test";
import { closeCode, encodings, look, preferred } from "./whip.js";

test("a picture has the bitrate and the frames that were chosen, sound has its own", () => {
  assert.deepEqual(encodings("video", 2_500_000, 30), [{ maxBitrate: 2_500_000, maxFramerate: 30 }]);
  assert.deepEqual(encodings("video", 700_000), [{ maxBitrate: 700_000 }]);
  assert.deepEqual(encodings("audio", 2_500_000, 30), [{ maxBitrate: 128_000 }]);
});

test("H.264 in packets of any size, then VP8, with what repairs them; nothing else", () => {
  const names = ["VP8", "rtx", "VP9", "H264 packetization-mode=0", "H264 packetization-mode=1", "AV1", "red", "H264 level=1;packetization-mode=1", "ulpfec"];
  const codecs = names.map((name) => ({ mimeType: `video/${name.split(" ")[0]}`, sdpFmtpLine: name.split(" ")[1], name }));
  assert.deepEqual(preferred(codecs).map(({ name }) => name), ["H264 packetization-mode=1", "H264 level=1;packetization-mode=1", "VP8", "rtx"]);
  assert.deepEqual(preferred([{ mimeType: "video/H264" }]), []);
});

test("an answer of HTTP means what a closed WebSocket does", () => {
  assert.deepEqual([400, 401, 403, 404, 409, 415, 429].map((status) => closeCode(status, "")), [4400, 4401, 4403, 4404, 4409, 4415, 4429]);
  assert.deepEqual([closeCode(503, "no_capacity"), closeCode(503, "restarting"), closeCode(502, ""), closeCode(500, ""), closeCode(0, "")], [1013, 1012, 1012, 1011, 1006]);
});

const PAIR = { id: "p", type: "candidate-pair", state: "succeeded", nominated: true, bytesReceived: 800, responsesReceived: 3, currentRoundTripTime: 0.04 };
const STATS = [
  { id: "h", type: "codec", mimeType: "video/H264" },
  { id: "o", type: "codec", mimeType: "audio/opus" },
  { id: "a", type: "outbound-rtp", kind: "audio", codecId: "o", bytesSent: 1000 },
  { id: "v", type: "outbound-rtp", kind: "video", codecId: "h", bytesSent: 9000, qualityLimitationReason: "cpu" },
  { id: "ra", type: "remote-inbound-rtp", kind: "audio", fractionLost: 0 },
  { id: "rv", type: "remote-inbound-rtp", kind: "video", fractionLost: 0.1 },
  PAIR,
];

test("what statistics tell of the way", () => {
  assert.deepEqual(look(STATS), { sent: 10_000, received: 803, roundTrip: 0.04, lost: 0.1, limited: "cpu", codecs: "h264,opus" });
  const layers = [...STATS, { id: "w", type: "outbound-rtp", kind: "video", codecId: "h", bytesSent: 500, qualityLimitationReason: "none" }];
  assert.deepEqual([look(layers).sent, look(layers).codecs], [10_500, "h264,opus"]);
});

test("before anything is known, nothing is", () => {
  assert.deepEqual(look([]), { sent: 0, received: 0, roundTrip: 0, lost: 0, limited: "none", codecs: "" });
  assert.equal(look([{ ...PAIR, nominated: false }]).received, 0);
});
