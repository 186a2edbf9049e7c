import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcast } from "../testing/broadcast.js";
import { FakeClock, settle } from "../testing/clock.js";
import { FakePeer, FakeStream } from "../testing/direct.js";
import { Refused, whepEngine } from "./engine-whep.js";

Object.assign(globalThis, { MediaStream: FakeStream });

/** @typedef {{ url: string, method: string, headers: Record<string, string>, body?: string, keepalive?: boolean }} Asked */

/** @param {{ status?: number, headers?: Record<string, string>, token?: string }} [how] */
function begin({ status = 201, headers = { Location: "/whep/demo/s1" }, token = "" } = {}) {
  const clock = new FakeClock();
  const peer = new FakePeer();
  const page = new EventTarget();
  /** @type {Asked[]} */
  const asked = [];
  const fetch = async (/** @type {string} */ url, /** @type {any} */ init) => {
    asked.push({ url, ...init });
    return { status, headers: new Headers(headers), url: "http://here/whep/demo", text: async () => "answer" };
  };
  const every = (/** @type {() => void} */ run, /** @type {number} */ ms) => {
    const again = () => {
      run();
      timers.set(id, clock.setTimeout(again, ms));
    };
    const id = timers.size + 1;
    timers.set(id, clock.setTimeout(again, ms));
    return id;
  };
  /** @type {Map<number, number>} */
  const timers = new Map();
  const what = { path: "/whep/demo", token, address: "/hls/demo/index.m3u8", broadcast: () => broadcast({ renditions: [{ name: "a", width: 0, height: 360, frame_rate: 30, bandwidth: 0 }, { name: "b", width: 0, height: 720, frame_rate: 30, bandwidth: 0 }] }) };
  const outside = { connection: () => peer, fetch, now: clock.now, setInterval: every, clearInterval: (/** @type {number} */ id) => clock.clearTimeout(timers.get(id) ?? 0), page };
  const engine = whepEngine(what, /** @type {any} */ (outside));
  const video = { currentTime: 8, videoHeight: 360, srcObject: /** @type {unknown} */ (null) };
  const pass = async (/** @type {number} */ ms) => {
    for (let at = 0; at < ms; at += 100) {
      clock.advance(100);
      await settle();
    }
  };
  return { engine, peer, asked, clock, page, video, pass, show: () => engine.show(/** @type {any} */ (video)) };
}

test("asks at once, without candidates, and takes the answer", async () => {
  const { peer, asked } = begin({ token: "t" });
  await settle();
  assert.deepEqual(asked.map(({ method, url, headers }) => [method, url, headers]), [["POST", "/whep/demo", { Authorization: "Bearer t", "Content-Type": "application/sdp" }]]);
  assert.match(asked[0]?.body ?? "", /^v=0[^]*stereo=1/);
  assert.deepEqual(peer.calls, ["video recvonly", "audio recvonly", "local offer stereo", "remote answer answer"]);
});

test("without a token it sends none", async () => {
  const { asked } = begin();
  await settle();
  assert.deepEqual(asked[0]?.headers, { "Content-Type": "application/sdp" });
});

test("servers for ICE are known before candidates are looked for", async () => {
  const { peer } = begin({ headers: { Location: "/whep/demo/s1", Link: '<stun:a.example>; rel="ice-server"' } });
  await settle();
  assert.deepEqual(peer.calls.slice(2, 4), ["servers stun:a.example", "local offer stereo"]);
});

test("is ready with its first picture, and says how far behind it is", async () => {
  const { engine, peer, pass, video, show } = begin();
  let ready = false;
  engine.first.then(() => (ready = true));
  show();
  assert.ok(video.srcObject instanceof FakeStream);
  await pass(1000);
  assert.equal(ready, false);
  peer.decoded(3);
  await pass(200);
  assert.equal(ready, true);
  peer.decoded(30);
  await pass(600);
  assert.equal(engine.behind()?.toFixed(2), "0.13");
  assert.deepEqual([engine.liveEdge(), engine.window(), engine.automatic()], [8, { start: -4, end: 8 }, "360p"]);
  assert.deepEqual(engine.qualities().map(({ label }) => label), ["720p", "360p"]);
});

test("tells for how long no picture came, and a lost connection at once", async () => {
  const { engine, peer, pass } = begin();
  await settle();
  for (let count = 1; count < 4; count++) {
    peer.decoded(count);
    await pass(500);
  }
  assert.ok(engine.standing() <= 500);
  await pass(2000);
  assert.ok(engine.standing() >= 2000);
  peer.decoded(9);
  await pass(500);
  assert.ok(engine.standing() <= 500);
  peer.become("failed");
  assert.equal(engine.standing(), Infinity);
});

test("a server that says no says how long to wait; nothing is left there", async () => {
  const { engine, asked } = begin({ status: 503, headers: { "Retry-After": "7" } });
  await assert.rejects(engine.first, (error) => error instanceof Refused && error.wait === 7000);
  engine.destroy();
  assert.deepEqual(asked.map(({ method }) => method), ["POST"]);
});

test("takes leave when it ends, once, and also when the page is left", async () => {
  for (const leave of ["destroy", "pagehide"]) {
    const { engine, asked, page, peer, video, show, clock } = begin({ token: "t" });
    show();
    await settle();
    if (leave === "pagehide") page.dispatchEvent(new Event("pagehide"));
    engine.destroy();
    engine.destroy();
    assert.deepEqual(asked.slice(1), [{ url: "http://here/whep/demo/s1", method: "DELETE", headers: { Authorization: "Bearer t" }, keepalive: true }]);
    assert.deepEqual([peer.calls.includes("close"), video.srcObject, clock.pending], [true, null, 0]);
  }
});

test("what ends before the answer comes takes leave then", async () => {
  const { engine, asked, peer } = begin();
  engine.destroy();
  await settle();
  assert.deepEqual(asked.map(({ method }) => method), ["POST", "DELETE"]);
  assert.ok(!peer.calls.some((call) => call.startsWith("remote")));
});
