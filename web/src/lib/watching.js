// One viewer of one channel: what the server tells of it, and the player. Pages only draw it.
import { ApiError, call, channelPath, fetchChannel } from "./api.js";
import { Direct } from "./direct.js";
import { createDirect, createEngine, warm } from "./engine.js";
import { EventFeed } from "./events.js";
import { delayOf, Pace } from "./pace.js";
import { browser as playback } from "./playback.js";
import { Player } from "./player.js";
import { fetchSession } from "./session.js";
import { hold } from "./still.js";
import { preferences, secrets } from "./store.js";
import { forgetToken, throughToken, withToken } from "./watch-links.js";
import { WayDirect, wishOf } from "./way-direct.js";
import { isOver } from "./words.js";

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {import("./types.js").Channel} Channel */

/** @typedef {Pick<EventFeed, "state" | "broadcasts" | "close">} Feed */

/**
 * @typedef {object} Outside what a test puts fakes for
 * @property {(channel: string, token: string) => Promise<Channel>} fetchChannel
 * @property {() => Promise<boolean>} isSignedIn
 * @property {(channel: string) => Promise<string>} mint a token for who may broadcast there
 * @property {(channel: string, token: string, onchange: (fresh: boolean) => void) => Feed} follow
 * @property {(channel: string) => void} forget the token that does not work any more
 * @property {(video: HTMLVideoElement, guard: () => import("./address.js").Guard | null, onchange: () => void) => Player} player
 * @property {() => number} now milliseconds
 */

const ASK_AGAIN_MS = 5000;
const OWN_SECONDS = 3600; // for which a token is good that this page makes for itself

export class Watching {
  /** @type {Channel | null} */
  known = null;
  unknownChannel = "";
  /** Why this channel, which is private, is not shown. */
  locked = "";
  /** Whether signing in may open it. */
  mayHelpToSignIn = false;
  #askedAt = 0;
  /** @type {Promise<void> | null} */
  #asking = null;
  #heard = false; // a snapshot
  #wasLost = false;
  #channel;
  #token;
  #onchange;
  #outside;
  #feed;

  /** @param {{ channel: string, token: string, video: HTMLVideoElement, onchange: () => void }} what @param {Outside} [outside] */
  constructor({ channel, token, video, onchange }, outside = browser()) {
    this.#channel = channel;
    this.#token = token;
    this.#onchange = onchange;
    this.#outside = outside;
    this.player = outside.player(video, () => this.#guard(), () => onchange());
    this.#feed = this.#follow();
    this.#begin();
  }

  get channel() {
    return this.#channel;
  }

  get token() {
    return this.#token;
  }

  /** No news from the server: what is shown may be old. */
  get feedLost() {
    return this.#feed.state === "lost" && this.locked === "";
  }

  /** Something can be said, be it that nobody answers. Before that, silence is better than words that change. */
  get settled() {
    return this.known !== null || this.locked !== "" || this.unknownChannel !== "" || this.feedLost;
  }

  /** What stands for the channel while nothing moves: its picture, or what was on last. */
  get picture() {
    const { broadcast } = this.player;
    const own = this.known?.picture ? withToken(this.known.picture, this.#token) : "";
    const poster = broadcast?.poster ? throughToken(broadcast.poster, this.#token) : "";
    return broadcast === null || isOver(broadcast) ? own || poster : poster || own;
  }

  /** To be called once a second: what no event tells. */
  async tick() {
    this.player.tick();
    if (!this.#mayBeClosed() || this.#outside.now() - this.#askedAt < ASK_AGAIN_MS) return;
    await this.#ask();
    this.#onchange();
  }

  /** The device has a connection again. */
  connected() {
    this.player.revive();
  }

  /** The picture stands, and perhaps because a private channel is closed to this viewer by now. */
  #mayBeClosed() {
    const stands = this.player.state === "loading" || this.player.state === "error";
    return stands && this.known?.private === true && this.locked === "";
  }

  /** What is on is asked for at once: the feed of news takes a moment longer to open. */
  async #begin() {
    await this.#ask();
    if (this.known !== null && this.#feed.state !== "open") this.player.update(this.known.broadcast);
    this.#onchange();
  }

  /** A snapshot names what is open. What the channel is, and what it showed last, is asked for. @param {boolean} fresh */
  async #newsCame(fresh) {
    const back = this.#wasLost && this.#feed.state === "open";
    const again = fresh && this.#heard; // with the first one, what was asked for at the start is as fresh
    this.#wasLost = this.#feed.state === "lost";
    this.#heard ||= fresh;
    if (this.known === null || again) await this.#ask();
    if (this.#feed.state === "open" && this.known !== null) this.player.update(this.#newest());
    if (back) this.player.revive();
    this.#onchange();
  }

  /** @returns {Broadcast | null} */
  #newest() {
    const told = this.#feed.broadcasts[0] ?? null;
    const asked = this.known?.broadcast ?? null;
    if (told === null || asked === null) return told ?? asked;
    return asked.id !== told.id && asked.started_at > told.started_at ? asked : told;
  }

  #ask() {
    this.#askedAt = this.#outside.now();
    this.#asking ??= this.#fetch().finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #fetch() {
    try {
      this.known = await this.#outside.fetchChannel(this.#channel, this.#token);
      this.unknownChannel = "";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === "no_such_channel") this.unknownChannel = error.message;
      if (error.status === 401 || error.status === 403) await this.#refused(error);
    }
  }

  /** A link that has expired closes no door that is open without it. @param {ApiError} error */
  async #refused(error) {
    const open = this.#token === "" ? null : await this.#outside.fetchChannel(this.#channel, "").catch(() => null);
    if (open === null) return this.#lock(error);
    this.known = open;
    this.#token = "";
    this.#outside.forget(this.#channel);
    this.#feed.close();
    this.#feed = this.#follow();
  }

  #follow() {
    return this.#outside.follow(this.#channel, this.#token, (fresh) => this.#newsCame(fresh));
  }

  /** A private channel, and nothing that opens it. @param {ApiError} error */
  async #lock(error) {
    if (this.locked !== "") return;
    this.#feed.close();
    this.mayHelpToSignIn = !(await this.#outside.isSignedIn().catch(() => false));
    this.locked = this.#token === "" ? "Open the watch link that you were given, or paste it here." : `Your watch link does not work any more: ${error.message}`;
    this.#outside.forget(this.#channel);
    this.player.stop();
  }

  /** What opens a private channel at nginx, which may answer at another port than this page's. */
  #guard() {
    if (!this.known?.private && this.#token === "") return null;
    const another = async () => (this.known?.may?.publish ? this.#outside.mint(this.#channel) : "");
    return { token: this.#token, another };
  }
}

/** @returns {Outside} */
function browser() {
  return {
    fetchChannel,
    isSignedIn: async () => (await fetchSession()).user !== null,
    mint: async (channel) => (await call("POST", channelPath(channel, "tokens"), { scope: "watch", lifetime: OWN_SECONDS })).token,
    follow: (channel, token, onchange) => new EventFeed({ channel, token, onchange: (_, fresh) => onchange(fresh) }),
    forget: (channel) => forgetToken(secrets, channel),
    player: (video, guard, onchange) => {
      warm()?.catch(() => {}); // it is asked for again when there is something to play
      const delay = preferences.get("delay");
      const direct = canDirect() ? new Direct({ ...playback(), create: (what) => createDirect(what, guard()), hold, doubt }, new WayDirect(wishOf(delay))) : null;
      return new Player(video, (shown, url, events) => createEngine(shown, url, events, guard()), onchange, new Pace(delayOf(delay)), playback(), direct);
    },
    now: () => performance.now(),
  };
}

/** Whether WebRTC got through the last time: in many a network it never does. */
const doubt = {
  get: () => preferences.get("webrtc") === "doubtful",
  set: (/** @type {boolean} */ doubtful) => preferences.set("webrtc", doubtful ? "doubtful" : "good"),
};

/** By WebRTC, which some browsers have not, or are told not to have. */
function canDirect() {
  return "RTCPeerConnection" in globalThis;
}
