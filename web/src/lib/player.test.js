import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcast } from "../testing/broadcast.js";
import { FakeClock, settle } from "../testing/clock.js";
import { Unsupported } from "./engine.js";
import { Pace } from "./pace.js";
import { derive } from "./player-state.js";
import { Player } from "./player.js";

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
  seeking = false;
  currentTime = 27;
  playbackRate = 1;
  buffered = { length: 1, start: () => 0, end: () => 60 };
  /** @param {string} name */
  emit(name) {
    this.dispatchEvent(new Event(name));
  }
  async play() {
    this.paused = false;
  }
}

/** @typedef {{ url: string, calls: string[], edge: number, delay: number, segment: number, labels: string[], fail: (failure: import("./recovery.js").Failure) => void }} FakeEngine */

/** @param {{ refuse?: () => Error | null }} [how] */
function begin({ refuse = () => null } = {}) {
  const clock = new FakeClock();
  const video = new FakeVideo();
  /** @type {FakeEngine[]} */
  const engines = [];
  /** @type {import("./engine.js").CreateEngine} */
  const create = async (_, url, { onfailure }) => {
    const error = refuse();
    if (error !== null) throw error;
    /** @type {FakeEngine} */
    const engine = { url, calls: [], edge: 30, delay: 0, segment: 1, labels: [], fail: onfailure };
    engines.push(engine);
    const call = (/** @type {string} */ name) => () => void engine.calls.push(name);
    return {
      qualities: () => engine.labels.map((label) => ({ value: label, label })),
      choose: () => {},
      automatic: () => "",
      liveEdge: () => engine.edge - engine.delay,
      behind: () => engine.edge - video.currentTime,
      window: () => ({ start: engine.edge - 20, end: engine.edge - engine.delay }),
      keepBehind: (seconds) => (engine.delay = seconds),
      segment: () => engine.segment,
      dateAt: () => null,
      pictures: () => null,
      address: () => url,
      resume: call("resume"),
      recover: call("recover"),
      destroy: call("destroy"),
    };
  };
  const { now, random, setTimeout, clearTimeout } = clock;
  const player = new Player(/** @type {any} */ (video), create, () => {}, new Pace("low"), { now, random, setTimeout, clearTimeout });
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

test("goes to the edge, and only so near that it plays on", async () => {
  const { player, video } = await play();
  video.currentTime = 12;
  assert.equal(player.atEdge, false);
  await player.goToEdge();
  assert.equal(video.currentTime, 28);
  assert.equal(player.atEdge, true);
});

test("goes no further than there is something", async () => {
  const { player, video } = await play();
  player.seek(5);
  assert.equal(video.currentTime, 10);
  player.seek(500);
  assert.equal(video.currentTime, 28);
});

test("catches up at 1.03 times, and not for somebody who went back", async () => {
  const { player, video, engines } = await play();
  player.tick();
  assert.equal(video.playbackRate, 1.03, "3 seconds behind, and 2 are wanted");
  video.currentTime = 27.95;
  player.tick();
  assert.equal(video.playbackRate, 1);
  player.seek(15);
  player.tick();
  assert.equal(video.playbackRate, 1);
  await player.goToEdge();
  if (engines[0]) engines[0].edge = 32;
  player.tick();
  assert.equal(video.playbackRate, 1.03);
  video.paused = true;
  player.tick();
  assert.equal(video.playbackRate, 1);
});

test("who paused for long stays where they are; a start at 0 is no going back", async () => {
  const { player, video, engines } = begin();
  player.update(broadcast());
  await settle();
  video.currentTime = 0;
  video.emit("play");
  video.currentTime = 27;
  video.emit("playing");
  player.tick();
  assert.equal(video.playbackRate, 1.03);
  video.emit("pause");
  if (engines[0]) engines[0].edge = 50;
  video.emit("play");
  player.tick();
  assert.equal(video.playbackRate, 1);
});

test("moves back by itself after two stalls, but not for a broadcast that waits, a seek, or a lost connection", async () => {
  const { player, video, engines, clock } = await play();
  const stall = () => {
    video.emit("playing");
    video.emit("waiting");
  };
  player.update(broadcast({ state: "interrupted" }));
  for (let i = 0; i < 4; i++) stall();
  player.update(broadcast());
  video.seeking = true;
  for (let i = 0; i < 4; i++) stall();
  video.seeking = false;
  for (let i = 0; i < 4; i++) {
    video.emit("playing");
    engines[0]?.fail("network");
    video.emit("waiting");
  }
  clock.advance(3000);
  for (let i = 0; i < 4; i++) stall();
  assert.deepEqual([engines[0]?.delay, player.pace.movedBack], [2, false], "nor when the server has said nothing for a while");
  player.update(broadcast());
  stall();
  stall();
  assert.deepEqual([engines[0]?.delay, player.pace.movedBack], [4, true]);
});

test("another delay is there at once for who watches live, and for the next engine", async () => {
  const { player, video, engines } = await play();
  player.chooseDelay("safe");
  assert.deepEqual([engines[0]?.delay, video.currentTime], [10, 20]);
  player.update(broadcast({ id: "b2" }));
  await settle();
  assert.equal(engines[1]?.delay, 10);
});

test("where segments are long one watches from further back, lest it stand at each", async () => {
  const { player, engines } = await play();
  if (engines[0]) engines[0].segment = 4;
  player.tick();
  assert.equal(engines[0]?.delay, 8);
});

test("a quality that a broadcast gets later is fetched for who watches live, and only once", async () => {
  const { player, engines, video, clock } = await play();
  const renditions = ["720p", "360p"].map((name) => ({ name, width: 0, height: Number.parseInt(name), frame_rate: 30, bandwidth: 0 }));
  for (const engine of engines) engine.labels = ["360p"];
  const goOn = async () => {
    for (let second = 0; second < 5; second++) {
      clock.advance(1000);
      player.update(broadcast({ renditions }));
      if (engines.length === 1) video.emit("timeupdate");
      player.tick();
      await settle();
    }
  };
  player.seek(15);
  await goOn();
  assert.equal(engines.length, 1, "it would take them to live");
  await player.goToEdge();
  await goOn();
  assert.deepEqual([engines.length, engines[0]?.calls], [2, ["destroy"]]);
  if (engines[1]) engines[1].labels = ["360p"]; // this browser cannot play the other
  video.emit("playing");
  await goOn();
  assert.equal(engines.length, 2);
});

test("says why it does not play, and no longer once it does", async () => {
  const { player, engines, video } = await play();
  engines[0]?.fail("forbidden");
  assert.equal(player.failure, "forbidden");
  assert.equal(player.state, "playing", "what is buffered plays on");
  video.emit("playing");
  assert.equal(player.failure, null);
});

test("gives up at once where nothing can play HLS, but tries again when the library did not come", async () => {
  const { player, clock } = begin({ refuse: () => new Unsupported("none") });
  player.update(broadcast());
  await settle();
  assert.deepEqual([player.state, player.failure, clock.pending], ["error", "unsupported", 0]);
  const other = begin({ refuse: () => new TypeError("Failed to fetch") });
  other.player.update(broadcast());
  await settle();
  assert.deepEqual([other.player.state, other.player.failure, other.clock.pending], ["loading", "network", 1]);
});

test("what was given up for want of the server begins anew when it is there again", async () => {
  for (const [failure, state] of /** @type {const} */ ([["network", "loading"], ["media", "error"]])) {
    const { player, engines, clock } = await play();
    for (let i = 0; i < 9; i++) {
      engines.at(-1)?.fail(failure);
      clock.advance(20_000);
      await settle();
    }
    assert.deepEqual([player.state, player.failure], ["error", failure]);
    player.revive();
    await settle();
    assert.equal(player.state, state);
  }
});
