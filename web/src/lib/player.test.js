import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcast } from "../testing/broadcast.js";
import { FakeClock, settle } from "../testing/clock.js";
import { derive, Player } from "./player.js";

/** @typedef {Parameters<typeof derive>[0]} Facts */

/** @type {Facts} */
const playing = { broadcast: broadcast(), attached: true, moving: true, finished: false, failed: false, standingMs: 0 };

/** @type {[string, Partial<Facts>, string][]} */
const cases = [
  ["moves", {}, "playing"],
  ["moves still, though interrupted: what is buffered plays on", { broadcast: broadcast({ state: "interrupted" }) }, "playing"],
  ["stands while interrupted", { moving: false, broadcast: broadcast({ state: "interrupted" }) }, "interrupted"],
  ["stands while the encoder backs off", { moving: false, broadcast: broadcast({ state: "backing_off" }) }, "interrupted"],
  ["stands while live", { moving: false }, "loading"],
  ["nothing loaded", { attached: false, moving: false, broadcast: null }, "offline"],
  ["played to the end", { moving: false, finished: true }, "ended"],
  ["over, and stands for long", { moving: false, standingMs: 9000, broadcast: broadcast({ state: "failed" }) }, "ended"],
  ["over, and stands for a moment", { moving: false, standingMs: 10, broadcast: broadcast({ state: "ended" }) }, "loading"],
  ["given up", { failed: true }, "error"],
];

for (const [name, facts, state] of cases) {
  test(`derive: ${name}: ${state}`, () => assert.equal(derive({ ...playing, ...facts }), state));
}

class FakeVideo extends EventTarget {
  readyState = 4;
  ended = false;
  paused = false;
  currentTime = 0;
  /** @param {string} name */
  emit(name) {
    this.dispatchEvent(new Event(name));
  }
  async play() {
    this.paused = false;
  }
}

function begin() {
  const clock = new FakeClock();
  const video = new FakeVideo();
  /** @type {{ url: string, calls: string[], fail: (failure: "network" | "media" | "other") => void }[]} */
  const engines = [];
  /** @type {import("./engine.js").CreateEngine} */
  const create = async (_, url, { onfailure }) => {
    /** @type {string[]} */
    const calls = [];
    engines.push({ url, calls, fail: onfailure });
    const call = (/** @type {string} */ name) => () => void calls.push(name);
    return { qualities: () => [], choose: () => {}, automatic: () => "", liveEdge: () => 30, resume: call("resume"), recover: call("recover"), destroy: call("destroy") };
  };
  const { now, random, setTimeout, clearTimeout } = clock;
  const player = new Player(/** @type {any} */ (video), create, () => {}, { now, random, setTimeout, clearTimeout });
  return { clock, video, engines, player };
}

async function play() {
  const all = begin();
  all.player.update(broadcast());
  await settle();
  all.video.emit("playing");
  return all;
}

test("is offline until there is a playlist, then loads by itself", async () => {
  const { player, engines } = begin();
  player.update(null);
  player.update(broadcast({ state: "starting", hls: null }));
  assert.equal(player.state, "offline");
  player.update(broadcast());
  assert.equal(player.state, "loading");
  player.update(broadcast());
  await settle();
  assert.equal(engines.length, 1);
  assert.equal(engines[0]?.url, "/hls/demo/index.m3u8");
});

test("does not start unasked what is over, but does when asked", async () => {
  const { player, engines } = begin();
  player.update(broadcast({ state: "ended" }));
  assert.equal(player.state, "offline");
  player.load();
  await settle();
  assert.equal(engines.length, 1);
});

test("a new broadcast on the channel takes the place of the old", async () => {
  const { player, engines } = await play();
  player.update(broadcast({ id: "b2", hls: "/hls/demo/second.m3u8" }));
  await settle();
  assert.deepEqual(engines[0]?.calls, ["destroy"]);
  assert.equal(engines[1]?.url, "/hls/demo/second.m3u8");
  engines[0]?.fail("other");
  assert.equal(player.state, "loading");
});

test("stopped, it shows nothing and loads nothing", async () => {
  const { player, engines } = await play();
  player.stop();
  assert.equal(player.state, "offline");
  assert.deepEqual(engines[0]?.calls, ["destroy"]);
});

test("stands while interrupted, and plays on", async () => {
  const { player, video } = await play();
  player.update(broadcast({ state: "interrupted" }));
  assert.equal(player.state, "playing");
  video.emit("waiting");
  assert.equal(player.state, "interrupted");
  player.update(broadcast());
  video.emit("playing");
  assert.equal(player.state, "playing");
});

test("ends with the playlist", async () => {
  const { player, video } = await play();
  player.update(broadcast({ state: "ended" }));
  assert.equal(player.state, "playing");
  video.emit("ended");
  assert.equal(player.state, "ended");
});

test("ends also when a playlist without an end runs dry", async () => {
  const { player, video, clock } = await play();
  player.update(broadcast({ state: "ended" }));
  video.emit("waiting");
  clock.advance(9000);
  player.tick();
  assert.equal(player.state, "ended");
});

test("recovers from the network by loading on, from the decoder by a new start of it", async () => {
  const { engines, clock } = await play();
  engines[0]?.fail("network");
  clock.advance(10_000);
  engines[0]?.fail("media");
  clock.advance(10_000);
  assert.deepEqual(engines[0]?.calls, ["resume", "recover"]);
});

test("gives up after many failures in a row, and Retry starts anew", async () => {
  const { player, engines, clock } = await play();
  for (let i = 0; i < 9; i++) {
    engines.at(-1)?.fail("network");
    clock.advance(20_000);
    await settle();
  }
  assert.equal(player.state, "error");
  player.update(broadcast());
  assert.equal(player.state, "error");
  player.retry();
  await settle();
  assert.equal(player.state, "loading");
});

test("does not give up while the server says that the broadcast waits", async () => {
  const { player, engines, clock, video } = await play();
  player.update(broadcast({ state: "interrupted" }));
  video.emit("waiting");
  for (let i = 0; i < 30; i++) {
    engines.at(-1)?.fail("network");
    clock.advance(20_000);
    await settle();
  }
  assert.equal(player.state, "interrupted");
});

test("starts anew when the broadcast goes on and the picture does not", async () => {
  const { player, engines, clock, video } = await play();
  video.emit("waiting");
  for (let i = 0; i < 15; i++) {
    clock.advance(1000);
    player.update(broadcast());
    player.tick();
  }
  await settle();
  assert.equal(engines.length, 2);
});

test("leaves a paused picture alone", async () => {
  const { player, engines, clock, video } = await play();
  video.paused = true;
  for (let i = 0; i < 30; i++) {
    clock.advance(1000);
    player.update(broadcast());
    player.tick();
  }
  assert.equal(engines.length, 1);
  assert.equal(player.atEdge, false);
});

test("goes to the edge", async () => {
  const { player, video } = await play();
  assert.equal(player.atEdge, false);
  await player.goToEdge();
  assert.equal(video.currentTime, 30);
  assert.equal(player.atEdge, true);
});
