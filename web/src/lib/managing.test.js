import assert from "node:assert/strict";
import { test } from "node:test";
import { Address } from "./address.js";
import { ago, auditRow, keyUse, left, sourceRows, targetWords } from "./labels.js";
import { ffmpegCommand, rtmpServer, serviceFile } from "./obs.js";
import { suggestPassword } from "./passwords.js";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const before = (/** @type {number} */ seconds) => new Date(NOW - seconds * 1000).toISOString();

test("times of keys, links and sessions", () => {
  assert.deepEqual([10, 600, 90_000].map((seconds) => ago(before(seconds), NOW)), ["just now", "10 min ago", "1 day ago"]);
  assert.deepEqual([-7200, 1].map((seconds) => left(before(seconds), NOW)), ["expires in 2 h", "has expired"]);
  const key = { id: "1", label: "", created_at: before(0), last_used_at: null, last_used_from: null };
  assert.equal(keyUse(key, NOW), "never used");
  assert.equal(keyUse({ ...key, last_used_at: before(600), last_used_from: "203.0.113.7" }, NOW), "last used 10 min ago from 203.0.113.7");
});

test("a target's state, with its speed while it is pushed to", () => {
  const target = { id: "t", url: "rtmp://x/y", rendition: "720p", enabled: true, state: "pushing", bitrate: 2_400_000, speed: 1 };
  assert.deepEqual(targetWords(target), { words: "Pushing · 2.4 Mb/s · 1.00×", level: "good" });
  assert.deepEqual(targetWords({ ...target, state: "backing_off" }), { words: "Trying again", level: "bad" });
  assert.deepEqual(targetWords({ ...target, enabled: false }), { words: "Off", level: "quiet" });
  assert.deepEqual(targetWords({ ...target, state: "some_new_state" }), { words: "some new state", level: "quiet" });
});

test("what a source sends, without what is not known of it", () => {
  const report = { kind: "rtmp", video: { codec: "h264", width: 1280, height: 720 }, audio: { codec: "aac", channels: 1, sample_rate: 44_100 }, bitrate: 2_500_000, frame_rate: 29.97, keyframe_distance: 2, advice: [] };
  assert.deepEqual(Object.fromEntries(sourceRows(report)), { Picture: "H264, 1280 × 720", "Frame rate": "29.97 a second", Bitrate: "2.5 Mb/s", "Keyframe every": "2.0 s", Sound: "AAC, 44.1 kHz, mono" });
  const poor = { ...report, video: null, audio: null, bitrate: null, frame_rate: null, keyframe_distance: null };
  assert.deepEqual(sourceRows(poor), [["Picture", "none"], ["Sound", "none"]]);
});

test("a line of the log reads like a sentence", () => {
  const entry = { id: 1, at: before(60), who: "ana", action: "key.regenerate", subject: "channel:demo", address: "", detail: "0123" };
  assert.deepEqual(auditRow(entry, NOW), { when: "1 min ago", who: "ana", did: "key regenerate (0123)", to: "channel demo", from: "this server" });
});

test("OBS is told the server and the key as its profile has them", () => {
  assert.deepEqual(JSON.parse(serviceFile("rtmp://h:1935/live", 'k"\\')), { type: "rtmp_custom", settings: { server: "rtmp://h:1935/live", key: 'k"\\', use_auth: false } });
  const plain = { host: null, port: 1935, tls_port: null, local: false };
  assert.deepEqual(rtmpServer(plain, "x"), { server: "rtmp://x:1935/live", far: false });
  assert.deepEqual(rtmpServer({ ...plain, host: "h" }, "x"), { server: "rtmp://h:1935/live", far: false });
  assert.deepEqual(rtmpServer({ ...plain, local: true, tls_port: 1936 }, "x"), { server: "rtmps://x:1936/live", far: false });
  assert.deepEqual(rtmpServer({ ...plain, local: true, host: "h" }, "x"), { server: "rtmp://localhost:1935/live", far: true });
  for (const own of ["localhost", "127.0.0.1", "[::1]"]) assert.equal(rtmpServer({ ...plain, local: true }, own).far, false);
  assert.match(ffmpegCommand("rtmp://h/live", "k"), / 'rtmp:\/\/h\/live\/k'$/);
});

test("suggested passwords are long, plain, and take every letter as often", () => {
  assert.match(suggestPassword(), /^(?:[a-km-np-z2-9]{4}-){3}[a-km-np-z2-9]{4}$/);
  const bytes = [255, 248, 247, ...Array(20).fill(0)]; // the first two are beyond the last whole round of 31
  assert.match(suggestPassword((into) => into.fill(bytes.shift() ?? 0)), /^9aaa-/);
});

test("a watch link's token goes as a header first, then in the address, and no further", async () => {
  const address = new Address("/hls/c/index.m3u8", { token: "t", another: async () => assert.fail("there is one") });
  assert.deepEqual(said(address), ["open", "Authorization: Bearer t"]);
  assert.equal(await address.change(), true);
  assert.equal(address.url, "/hls/c/index.m3u8?token=t");
  assert.deepEqual(said(address), []);
  assert.equal(await address.change(), false);
});

test("who has no link tries by the cookie, then by a token of their own", async () => {
  const address = new Address("/hls/c/index.m3u8", { token: "", another: async () => "made" });
  assert.deepEqual(said(address), []);
  assert.equal(await address.change(), true);
  assert.equal(address.url, "/hls/c/index.m3u8?token=made");
  const refused = new Address("/x", { token: "", another: () => Promise.reject(new Error("no")) });
  assert.deepEqual([await refused.change(), refused.url], [false, "/x"]);
});

test("another device gets an address that opens by itself, or none", async () => {
  assert.equal(new Address("/x", null).portable, "/x");
  assert.equal(new Address("/x", { token: "t", another: async () => "" }).portable, "/x?token=t");
  const mine = new Address("/x", { token: "", another: async () => "made" });
  assert.equal(mine.portable, "", "a session's cookie stays here");
  assert.equal(await mine.bare(), "/x?token=made");
  await mine.change();
  assert.deepEqual([mine.portable, await mine.bare()], ["/x?token=made", "/x?token=made"]);
});

test("nothing is said, or tried again, for a public channel", async () => {
  const address = new Address("/x", null);
  assert.deepEqual([said(address), await address.change()], [[], false]);
});

/** What a request is told before it is sent. @param {Address} address */
function said(address) {
  /** @type {string[]} */
  const calls = [];
  const request = { readyState: 0, open: () => calls.push("open"), setRequestHeader: (/** @type {string} */ name, /** @type {string} */ value) => calls.push(`${name}: ${value}`) };
  address.prepare(/** @type {any} */ (request), address.url);
  return calls;
}
