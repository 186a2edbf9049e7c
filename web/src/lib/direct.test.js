import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcast } from "../testing/broadcast.js";
import { FakeClock, settle } from "../testing/clock.js";
import { Direct } from "./direct.js";
import { Pace } from "./pace.js";
import { Player } from "./player.js";
import { WayDirect } from "./way-direct.js";

/** @typedef {import("./direct.js").DirectEngine} DirectEngine */

const live = (changes = {}) => broadcast({ whep: "/whep/demo", ...changes });

class FakeVideo extends EventTarget {
  readyState = 4;
  ended = false;
  paused = false;
  seeking = false;
  currentTime = 28;
  playbackRate = 1;
  buffered = { length: 1, start: () => 0, end: () => 60 };
  async play() {
    this.paused = false;
  }
}

/** A player with both ways. What happens to its engines and its picture is in `story`, in order. @param {{ load?: () => Promise<void>, doubtful?: boolean }} [how] */
function begin({ load = async () => {}, doubtful = false } = {}) {
  const clock = new FakeClock();
  const video = new FakeVideo();
  /** @type {string[]} */
  const story = [];
  const tell = (/** @type {string} */ name) => () => void story.push(name);
  const once = (/** @type {string} */ name) => {
    let done = false;
    return () => {
      if (!done) story.push(name);
      done = true;
    };
  };
  const common = { qualities: () => [], automatic: () => "", segment: () => 0, dateAt: () => null, pictures: () => null, address: () => "", resume: () => {}, recover: () => {}, keepBehind: () => {} };
  /** @type {import("./engine.js").CreateEngine} */
  const create = async () => {
    story.push("playlist");
    return { ...common, choose: (value) => void story.push(`quality ${value}`), liveEdge: () => 28, behind: () => 30 - video.currentTime, window: () => ({ start: 5, end: 28 }), destroy: tell("playlist ends") };
  };
  const now = { standing: 0, picture: /** @type {(failure?: unknown) => void} */ (() => {}) };
  const doubt = { now: doubtful, get: () => doubt.now, set: (/** @type {boolean} */ is) => void (doubt.now = is) };
  const outside = {
    ...clock, doubt, now: clock.now, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout,
    hold: tell("still"),
    create: async () => {
      story.push("webrtc");
      await load();
      const first = new Promise((done, fail) => (now.picture = (failure) => (failure ? fail(failure) : done(undefined))));
      return /** @type {DirectEngine} */ ({ ...common, choose: () => {}, first, show: tell("webrtc shows"), standing: () => now.standing, liveEdge: () => video.currentTime, behind: () => 0.1, window: () => ({ start: 0, end: video.currentTime }), destroy: once("webrtc ends") });
    },
  };
  const direct = new Direct(outside, new WayDirect("auto", () => 0));
  const player = new Player(/** @type {any} */ (video), create, () => {}, new Pace("low"), { now: clock.now, random: clock.random, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout }, direct);
  /** Seconds in which the server says that it is live, and the picture moves. */
  const pass = async (/** @type {number} */ seconds, said = live()) => {
    for (let i = 0; i < seconds; i++) {
      clock.advance(1000);
      player.update(said);
      if (player.engine !== null && !player.direct) video.dispatchEvent(new Event("timeupdate"));
      player.tick();
      await settle();
    }
  };
  /** What was told since it was last asked for. */
  const told = () => story.splice(0);
  return { clock, video, player, direct, doubt, now, pass, told };
}

/** One that is watched by WebRTC. */
async function watching() {
  const all = begin();
  all.player.update(live());
  await settle();
  all.now.picture();
  await settle();
  await all.pass(1);
  all.told();
  return all;
}

test("what offers WebRTC is watched so, what does not is not", async () => {
  const { player, now, told, pass } = begin();
  player.update(live());
  await settle();
  assert.deepEqual([told(), player.direct, player.state], [["webrtc", "webrtc shows"], false, "loading"]);
  now.picture();
  await settle();
  await pass(1);
  assert.deepEqual([told(), player.direct, player.state, player.behind], [[], true, "playing", 0.1]);
  const other = begin();
  other.player.update(broadcast());
  await settle();
  assert.deepEqual([other.told(), other.player.direct, other.player.way], [["playlist"], false, null]);
});

test("no picture in three seconds: the playlist", async () => {
  const { player, clock, told } = begin();
  player.update(live());
  await settle();
  clock.advance(2999);
  await settle();
  assert.deepEqual(told(), ["webrtc", "webrtc shows"]);
  clock.advance(1);
  await settle();
  assert.deepEqual(told(), ["webrtc ends", "playlist"]);
});

test("where it did not get through the last time, something plays first", async () => {
  const { player, doubt, told, pass, now } = begin({ doubtful: true });
  player.update(live());
  await settle();
  assert.deepEqual(told(), ["playlist"]);
  await pass(1);
  now.picture();
  await settle();
  assert.deepEqual([told(), doubt.now], [["webrtc", "still", "playlist ends", "webrtc shows"], false]);
  now.standing = 3000;
  await pass(1);
  assert.equal(doubt.now, false, "that was not the network, which lets it through");
  const other = begin();
  other.player.update(live());
  await settle();
  other.clock.advance(3000);
  await settle();
  assert.equal(other.doubt.now, true);
});

test("what fails with the publisher is tried again when the publisher is back", async () => {
  const { now, told, pass } = await watching();
  now.standing = 2000;
  await pass(1);
  await pass(2, live({ state: "interrupted" }));
  assert.deepEqual(told(), ["still", "webrtc ends", "playlist"]);
  await pass(1);
  assert.deepEqual(told(), ["webrtc"]);
});

test("the server says no: the playlist at once; and WebRTC again when it asks to", async () => {
  const { player, now, told, pass, clock } = begin();
  player.update(live());
  await settle();
  now.picture(Object.assign(new Error("503"), { wait: 45_000 }));
  await settle();
  assert.deepEqual([told(), clock.pending], [["webrtc", "webrtc shows", "webrtc ends", "playlist"], 0]);
  await pass(44);
  assert.deepEqual(told(), []);
  await pass(1);
  assert.deepEqual(told(), ["webrtc"]);
});

test("its module does not come: the playlist", async () => {
  const { player, told } = begin({ load: () => Promise.reject(new TypeError("Failed to fetch")) });
  player.update(live());
  await settle();
  assert.deepEqual(told(), ["webrtc", "playlist"]);
});

test("no more pictures while the broadcast goes on: the playlist, and half a minute later WebRTC, once it has a picture", async () => {
  const { player, now, told, pass, video } = await watching();
  now.standing = 1500;
  await pass(1);
  assert.deepEqual([told(), player.state], [[], "loading"]);
  now.standing = 2000;
  await pass(1);
  assert.deepEqual(told(), ["still", "webrtc ends", "playlist"]);
  await pass(29);
  assert.deepEqual([told(), player.state], [[], "playing"]);
  await pass(1);
  assert.deepEqual([told(), player.direct], [["webrtc"], false], "the playlist plays on meanwhile");
  video.playbackRate = 1.03;
  now.standing = 0;
  now.picture();
  await settle();
  assert.deepEqual([told(), player.direct, video.playbackRate], [["still", "playlist ends", "webrtc shows"], true, 1]);
  await pass(1);
  assert.equal(player.state, "playing");
});

test("while the broadcast itself waits nothing is changed; its end is the end", async () => {
  const { player, now, told, pass } = await watching();
  now.standing = 60_000;
  await pass(20, live({ state: "interrupted", whep: null }));
  assert.deepEqual([told(), player.state], [[], "interrupted"]);
  await pass(2);
  assert.deepEqual(told(), [], "what comes back is given a moment");
  now.standing = 0;
  await pass(3);
  assert.deepEqual([told(), player.state], [[], "playing"]);
  now.standing = 2000;
  await pass(1, live({ state: "ended", whep: null }));
  assert.deepEqual([told(), player.state], [[], "ended"]);
});

test("back in time goes by the playlist, from where it was; live again, WebRTC", async () => {
  const { player, told, pass, video } = await watching();
  player.seek(video.currentTime - 10);
  await settle();
  assert.deepEqual(told(), ["still", "webrtc ends", "playlist"]);
  await pass(1);
  assert.equal(video.currentTime, 18);
  await pass(60);
  assert.deepEqual(told(), [], "who has gone back stays there");
  await player.goToEdge();
  await pass(1);
  assert.deepEqual(told(), ["webrtc"]);
});

test("on in time is nowhere to go to", async () => {
  const { player, told, video } = await watching();
  player.seek(video.currentTime + 5);
  await settle();
  assert.deepEqual([told(), player.direct], [[], true]);
});

test("a chosen quality is in the playlist; automatic, WebRTC again", async () => {
  const { player, told, pass } = await watching();
  player.chooseQuality("auto");
  assert.deepEqual(told(), []);
  player.chooseQuality("360p");
  await settle();
  await pass(60);
  assert.deepEqual(told(), ["still", "webrtc ends", "playlist"]);
  player.chooseQuality("auto");
  await pass(1);
  assert.deepEqual(told(), ["quality auto", "webrtc"]);
});

test("another delay: none of WebRTC, and WebRTC again", async () => {
  const { player, told, pass } = await watching();
  player.chooseDelay("safe", "none");
  await settle();
  assert.deepEqual([told(), player.pace.target], [["still", "webrtc ends", "playlist"], 10]);
  await pass(60);
  assert.deepEqual(told(), []);
  player.chooseDelay("low", "lowest");
  await pass(1);
  assert.deepEqual(told(), ["webrtc"]);
});

test("an attempt that nobody wants any more leaves nothing behind", async () => {
  const { player, told, now, clock } = begin();
  player.update(live());
  await settle();
  player.stop();
  now.picture();
  await settle();
  assert.deepEqual([told(), player.engine, clock.pending], [["webrtc", "webrtc shows", "webrtc ends"], null, 0]);
});

test("who pauses, or goes back, while it is tried stays with the playlist", async () => {
  for (const act of ["pause", "back"]) {
    const { player, told, pass, now, video } = await watching();
    player.chooseDelay("low", "none");
    await settle();
    player.chooseDelay("low", "auto");
    await pass(1);
    told();
    if (act === "pause") video.paused = true;
    else player.seek(8);
    now.picture();
    await settle();
    assert.deepEqual([told(), player.direct], [["webrtc ends"], false]);
  }
});
