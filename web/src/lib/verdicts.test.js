import assert from "node:assert/strict";
import { test } from "node:test";
import { camera, LABELS, loopback, microphone, report, socket, stun, summary, turn, udp, untested, upload } from "./verdicts.js";

const PORTS = { publish: "20000-20099", watch: "20100-20399" };
const NONE = { off: "", stun: [], turn: [], ports: PORTS };
const BOTH = { ...NONE, stun: [{ urls: "stun:s.example.org" }], turn: [{ urls: "turn:t.example.org" }] };
const OFF = { ...NONE, off: "WebRTC is switched off (webrtc.enabled)." };
const NOTHING = { found: [], errors: [] };
const DIRECT = { pair: { type: "prflx", protocol: "udp", relayed: "", roundTrip: 0.0124 }, seconds: 0.2 };
const RELAYED = { pair: { type: "relay", protocol: "udp", relayed: "tcp", roundTrip: null } };
const GOOD = { pictures: 40, seconds: 0.3, delays: [0.05, 0.04, 0.9], codec: "H264", lost: 1, received: 199 };

test("a camera", () => {
  assert.deepEqual(camera({ width: 640, height: 480, frames: 29.97 }), { light: "good", words: "It gives a picture.", measured: ["640 × 480", "30 pictures a second"] });
  assert.equal(camera({ width: 0 }).light, "bad");
  const found = Object.fromEntries(["not_secure", "permission_denied", "no_device", "unanswered", "device_busy", "unexpected"].map((failure) => [failure, camera({ failure })]));
  assert.deepEqual(Object.values(found).map(({ light }) => light), ["bad", "bad", "off", "off", "bad", "bad"]);
  assert.match(found.not_secure?.advice ?? "", /HTTPS/);
  assert.match(found.permission_denied?.advice ?? "", /Allow the camera/);
  assert.match(found.device_busy?.words ?? "", /in use/);
  assert.ok(Object.values(found).every(({ advice }) => advice));
});

test("a microphone is only good when it hears something", () => {
  assert.deepEqual(microphone({ peak: 0.5 }), { light: "good", words: "You are heard.", measured: ["loudest -6 dB"] });
  assert.equal(microphone({ peak: 0.001 }).light, "care");
  assert.deepEqual(microphone({ peak: 0 }).measured, ["silence"]);
  assert.match(microphone({ failure: "no_device" }).words, /No microphone/);
});

test("a WebSocket", () => {
  const good = socket({ open: true, roundTrips: [0.012, 0.2, 0.01] });
  assert.deepEqual([good.light, good.measured], ["good", ["round trip 12 ms", "longest of 3: 200 ms"]]);
  assert.equal(socket({ open: true, roundTrips: [0.8] }).light, "care");
  assert.equal(socket({ open: false, roundTrips: [] }).light, "bad");
  const mute = socket({ open: true, roundTrips: [] });
  assert.deepEqual([mute.light, mute.words], ["bad", "A WebSocket opens, but nothing comes back through it."]);
  assert.match(mute.operator ?? "", /\/ws/);
  assert.deepEqual(socket({ open: true, refused: "Too many.", roundTrips: [] }).words, "Too many.");
});

test("an upload, or why it is not measured", () => {
  assert.deepEqual(upload({ channel: "demo", bitsPerSecond: 8e6 }), { light: "good", words: "Enough for 1080p.", measured: ["8 Mb/s", "as for the channel demo"] });
  assert.match(upload({ bitsPerSecond: 2e6 }).words, /480p/);
  assert.equal(upload({ bitsPerSecond: 2e5 }).light, "care");
  assert.deepEqual([upload({ nobody: true }).words, upload({ nobody: true }).light], ["Sign in to test this.", "off"]);
  assert.equal(upload({ nowhere: true }).light, "off");
  assert.equal(upload({ failure: "The channel is live now." }).words, "The channel is live now.");
});

test("STUN", () => {
  assert.equal(stun(BOTH, { found: ["udp"], errors: [] }).light, "good");
  assert.equal(stun(NONE, NOTHING).words, "No STUN server is configured.");
  assert.equal(stun(BOTH, NOTHING).light, "off");
  const silent = stun(BOTH, { found: [], errors: [{ code: 701, text: "" }] });
  assert.equal(silent.light, "bad");
  assert.match(silent.operator ?? "", /stun:s\.example\.org/);
});

test("TURN", () => {
  assert.deepEqual(turn(BOTH, { found: ["udp", "tcp", "udp"], errors: [] }).measured, ["relays by UDP", "relays by TCP"]);
  assert.equal(turn(NONE, NOTHING).words, "No TURN server is configured.");
  assert.equal(turn({ ...BOTH, turn: null }, NOTHING).words, "Sign in to test this.");
  assert.match(turn(BOTH, { found: [], errors: [{ code: 701, text: "" }, { code: 401, text: "Unauthorized" }] }).words, /refuses: Unauthorized \(401\)/);
  assert.equal(turn(BOTH, { found: [], errors: [{ code: 701, text: "timeout" }] }).words, "No TURN server answers.");
});

test("UDP that is blocked: what goes on, and what the operator does", () => {
  assert.deepEqual(udp(NONE, DIRECT, false).measured, ["directly by UDP", "round trip 12 ms", "connected after 200 ms"]);
  const blocked = udp(NONE, { pair: null }, false);
  assert.equal(blocked.words, "UDP to this server does not get through. Watching goes on by HLS; publishing by WebSocket.");
  assert.match(blocked.operator ?? "", /20000-20099 .* 20100-20399/);
  assert.match(udp(BOTH, { pair: null }, true).words, /TURN/);
  assert.equal(udp(NONE, { pair: null, refused: "Others are checking." }, false).light, "off");
});

test("there and back", () => {
  const good = loopback(NONE, DIRECT, GOOD);
  assert.equal(good.light, "good");
  assert.deepEqual(good.measured, ["delay 50 ms", "H264", "0.5 % of packets lost", "first picture after 300 ms", "directly by UDP"]);
  assert.ok(loopback(BOTH, RELAYED, GOOD).measured.includes("by TURN over TCP"));
  assert.equal(loopback(NONE, DIRECT, { ...GOOD, lost: 20 }).light, "care");
  assert.equal(loopback(NONE, DIRECT, { ...GOOD, delays: [2] }).light, "care");
  assert.deepEqual(loopback(NONE, DIRECT, { pictures: 40, delays: [] }).measured, ["0 % of packets lost", "directly by UDP"]);
  assert.equal(loopback(NONE, DIRECT, { pictures: 0, delays: [] }).light, "bad");
  assert.equal(loopback(NONE, { pair: null }, null).light, "bad");
  assert.equal(loopback(NONE, DIRECT, { refused: "It is over.", pictures: 0, delays: [] }).words, "It is over.");
});

test("without WebRTC, here or there, nothing of it is said to be broken that is not", () => {
  for (const verdict of [stun(OFF, NOTHING), turn(OFF, NOTHING), udp(OFF, { pair: null }, false), loopback(OFF, { pair: null }, null)]) {
    assert.equal(verdict.light, "off");
    assert.ok(verdict.words.startsWith(OFF.off));
  }
  const missing = { ...NOTHING, missing: true };
  assert.deepEqual([stun(BOTH, missing), turn(BOTH, missing), udp(NONE, { missing: true, pair: null }, false)].map(({ light }) => light), ["bad", "bad", "bad"]);
  assert.equal(loopback(NONE, { missing: true, pair: null }, null).light, "off");
});

test("all in one sentence", () => {
  const of = (/** @type {import("./verdicts.js").Light[]} */ ...all) => summary(all.map((light) => ({ ...untested(""), light })));
  assert.equal(of("good", "good", "bad", "off"), "Done: 2 work, 1 does not, 1 not tested.");
  assert.equal(of("good", "care", "bad", "bad"), "Done: 1 works, 1 poorly, 2 do not.");
});

test("a report says each light in words", () => {
  const verdict = udp(NONE, { pair: null }, false);
  const text = report([{ title: "UDP", verdict }, { title: "Camera", verdict: null }], { site: "https://tv.example.org", browser: "Firefox", at: "2026-11-22 10:00 UTC" });
  assert.match(text, /^Browser and connection, https:\/\/tv\.example\.org, 2026-11-22 10:00 UTC\nBrowser: Firefox\n\nUDP: does not work\. UDP to/);
  assert.match(text, /\n {2}For the operator: Let UDP in on 20000-20099/);
  assert.ok(text.endsWith("\nCamera: not tested\n"));
  assert.equal(new Set(Object.values(LABELS)).size, 5);
});
