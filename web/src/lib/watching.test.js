import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcast } from "../testing/broadcast.js";
import { FakeClock, settle } from "../testing/clock.js";
import { ApiError } from "./api.js";
import { Watching } from "./watching.js";

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {import("./types.js").Channel} Channel */

/** @param {Partial<Channel>} [changes] @returns {Channel} */
const channel = (changes = {}) => ({ channel: "demo", title: "Demo", broadcast: broadcast(), ...changes });

/** @param {{ token?: string, signedIn?: boolean, known?: (token: string) => Channel }} [how] */
function begin({ token = "", signedIn = false, known = () => channel() } = {}) {
  const clock = new FakeClock();
  /** @type {{ calls: string[], state: string, broadcast: Broadcast | null }} */
  const player = { calls: [], state: "offline", broadcast: null };
  const note = (/** @type {string} */ name) => () => void player.calls.push(name);
  const update = (/** @type {Broadcast | null} */ news) => {
    player.broadcast = news;
    player.calls.push(`update ${news?.id}`);
  };
  const feed = { state: "connecting", broadcasts: /** @type {Broadcast[]} */ ([]), close: () => void (feed.state = "closed") };
  /** @type {{ asked: number, forgotten: string[], news: (fresh: boolean) => void, guard: () => import("./address.js").Guard | null, known: (token: string) => Channel, followed: string[] }} */
  const seen = { asked: 0, forgotten: [], followed: [], news: () => {}, guard: () => null, known };
  const watching = new Watching({ channel: "demo", token, video: /** @type {any} */ ({}), onchange: () => {} }, {
    fetchChannel: async (_, given) => {
      seen.asked += 1;
      return seen.known(given);
    },
    isSignedIn: async () => signedIn,
    mint: async () => "minted",
    follow: (_, given, onchange) => {
      seen.followed.push(given);
      seen.news = onchange;
      return /** @type {any} */ (feed);
    },
    forget: (name) => void seen.forgotten.push(name),
    player: (_, guard) => {
      seen.guard = guard;
      return /** @type {any} */ (Object.assign(player, { update, tick: note("tick"), stop: note("stop"), revive: note("revive") }));
    },
    now: clock.now,
  });
  return { watching, player, feed, seen, clock };
}

/** @returns {never} */
function refuse() {
  throw new ApiError("forbidden", "It was taken back.", 403);
}

test("begins with what the server answers first, and does not ask twice", async () => {
  const { player, feed, seen } = begin();
  await settle();
  assert.deepEqual(player.calls, ["update b1"]);
  feed.state = "open";
  feed.broadcasts = [broadcast({ id: "b2", started_at: "2026-11-21T03:00:00Z" })];
  seen.news(true);
  await settle();
  assert.deepEqual(player.calls, ["update b1", "update b2"]);
  assert.equal(seen.asked, 1);
});

test("the feed may be faster: then nothing is played before it is known whose the channel is", async () => {
  const { player, feed, seen } = begin();
  feed.state = "open";
  feed.broadcasts = [broadcast()];
  seen.news(true);
  assert.deepEqual(player.calls, []);
  await settle();
  assert.equal(player.calls[0], "update b1");
  assert.equal(seen.asked, 1);
});

test("a snapshot does not know what was on last; the channel does", async () => {
  const { player, feed, seen } = begin({ known: () => channel({ broadcast: broadcast({ id: "last", state: "ended" }) }) });
  await settle();
  feed.state = "open";
  seen.news(true);
  await settle();
  assert.equal(player.broadcast?.id, "last");
  seen.known = () => channel({ broadcast: broadcast({ id: "newer", state: "ended", started_at: "2026-11-21T04:00:00Z" }) });
  seen.news(true); // the feed was away
  await settle();
  assert.equal(player.broadcast?.id, "newer");
});

test("what was given up is tried again when the server is there again", async () => {
  const { player, feed, seen, watching } = begin();
  await settle();
  feed.state = "lost";
  seen.news(false);
  await settle();
  assert.equal(watching.feedLost, true);
  assert.equal(player.calls.includes("revive"), false);
  feed.state = "open";
  seen.news(true);
  await settle();
  assert.equal(player.calls.at(-1), "revive");
  watching.connected();
  assert.equal(player.calls.filter((call) => call === "revive").length, 2);
});

test("a private channel asks for a link, or to sign in", async () => {
  const { watching, player, feed, seen } = begin({ known: refuse });
  await settle();
  assert.match(watching.locked, /Open the watch link/);
  assert.deepEqual([watching.mayHelpToSignIn, feed.state, player.calls.includes("stop")], [true, "closed", true]);
  assert.deepEqual(seen.forgotten, ["demo"]);
  const other = begin({ known: refuse, token: "t", signedIn: true });
  await settle();
  assert.match(other.watching.locked, /does not work any more: It was taken back/);
  assert.equal(other.watching.mayHelpToSignIn, false);
});

test("a link that is taken back while one watches is noticed when the picture stands", async () => {
  const { watching, player, seen, clock } = begin({ token: "t", known: () => channel({ private: true }) });
  await settle();
  seen.known = refuse;
  player.state = "playing";
  clock.advance(60_000);
  await watching.tick();
  assert.equal(watching.locked, "");
  player.state = "loading";
  await watching.tick();
  assert.notEqual(watching.locked, "");
});

test("a link that has expired closes no door that is open without it", async () => {
  const { watching, player, seen } = begin({ token: "old", known: (token) => (token === "" ? channel() : refuse()) });
  await settle();
  assert.deepEqual([watching.locked, watching.token, watching.known?.title], ["", "", "Demo"]);
  assert.deepEqual([seen.followed, seen.forgotten], [["old", ""], ["demo"]]);
  assert.deepEqual([player.calls, seen.guard()], [["update b1"], null]);
});

test("what opens a private channel", async () => {
  const open = begin();
  await settle();
  assert.equal(open.seen.guard(), null);
  const mine = begin({ known: () => channel({ private: true, may: { publish: true, manage: false } }) });
  await settle();
  const guard = mine.seen.guard();
  assert.deepEqual([guard?.token, await guard?.another()], ["", "minted"]);
  const linked = begin({ token: "t", known: () => channel({ private: true }) });
  await settle();
  assert.deepEqual([linked.seen.guard()?.token, await linked.seen.guard()?.another()], ["t", ""]);
});

test("the picture: the channel's own while it is not live, else what is on", async () => {
  const live = begin({ known: () => channel({ picture: "/api/v1/channels/demo/picture?v=1", broadcast: broadcast({ poster: "/hls/demo/b1/poster.jpg" }) }) });
  await settle();
  assert.equal(live.watching.picture, "/hls/demo/b1/poster.jpg");
  const over = begin({ token: "t", known: () => channel({ picture: "/api/v1/channels/demo/picture?v=1", broadcast: broadcast({ poster: "/hls/p.jpg", state: "ended", ended_at: "2026-11-21T03:00:00Z" }) }) });
  await settle();
  assert.equal(over.watching.picture, "/api/v1/channels/demo/picture?v=1&token=t");
  const none = begin({ known: () => channel({ broadcast: null }) });
  await settle();
  assert.equal(none.watching.picture, "");
});

test("nothing is said of a channel before anything is known of it", async () => {
  const open = begin();
  assert.equal(open.watching.settled, false);
  await settle();
  assert.equal(open.watching.settled, true);
  const closed = begin({ known: refuse });
  assert.equal(closed.watching.settled, false);
  await settle();
  assert.equal(closed.watching.settled, true);
  const silent = begin({ known: () => { throw new ApiError("network", "Nobody answers."); } });
  await settle();
  assert.equal(silent.watching.settled, false);
  silent.feed.state = "lost";
  assert.equal(silent.watching.settled, true);
});
