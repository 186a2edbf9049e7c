// Watching a channel: what is on, whether it moves, how far behind live it is, and what is done when it does not move.
import { backoff } from "./backoff.js";
import { failureOf } from "./engine.js";
import { Ladder } from "./ladder.js";
import { Pace } from "./pace.js";
import { bufferedAhead, browser, setRate } from "./playback.js";
import { derive } from "./player-state.js";
import { Recovery } from "./recovery.js";
import { isOver, isTroubled } from "./words.js";

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {import("./engine.js").Engine} Engine */
/** @typedef {import("./engine.js").CreateEngine} CreateEngine */
/** @typedef {import("./recovery.js").Failure} Failure */
/** @typedef {import("./direct.js").Direct} Direct */
/** @typedef {import("./player-state.js").PlayerState} PlayerState */
/** @typedef {import("./playback.js").PlayerEnvironment} PlayerEnvironment */

const STUCK_MS = 12_000; // the broadcast goes on and the picture does not: start anew
const FRESH_MS = 2500; // the server tells of a live broadcast about once a second

/** One player for one page. It owns one engine at a time and the one state that is shown. */
export class Player {
  /** @type {PlayerState} */
  #state = "offline";
  /** @type {Broadcast | null} */
  #broadcast = null;
  #attachedId = "";
  /** @type {Engine | null} */
  #engine = null;
  #recovery = new Recovery();
  #ladder = new Ladder();
  #pace;
  /** @type {Failure | null} why it does not play, while it does not */
  #failure = null;
  #turn = 0;
  #timer = 0;
  #moving = false;
  #finished = false;
  #failed = false;
  #followsLive = true; // until the viewer goes elsewhere
  #paused = false; // after it had played
  #movedAt = 0;
  #newsAt = 0;
  #goBack = 0; // seconds, as soon as there is something to go back in
  #video;
  #createEngine;
  #onchange;
  #environment;
  #direct;

  /**
   * @param {HTMLVideoElement} video
   * @param {CreateEngine} createEngine
   * @param {(player: Player) => void} onchange
   * @param {Pace} [pace]
   * @param {PlayerEnvironment} [environment]
   * @param {Direct | null} [direct] null: nothing is watched by WebRTC
   */
  constructor(video, createEngine, onchange, pace = new Pace(), environment = browser(), direct = null) {
    this.#video = video;
    this.#pace = pace;
    this.#createEngine = createEngine;
    this.#onchange = onchange;
    this.#environment = environment;
    this.#direct = direct;
    this.#listen();
  }

  get state() {
    return this.#state;
  }

  get broadcast() {
    return this.#broadcast;
  }

  get engine() {
    return this.#engine;
  }

  get pace() {
    return this.#pace;
  }

  /** Whether it is watched by WebRTC. */
  get direct() {
    return this.#direct?.plays(this.#engine) ?? false;
  }

  /** When it would be; null: it is not offered. */
  get way() {
    return this.#broadcast?.whep ? (this.#direct?.way ?? null) : null;
  }

  /** What is in the way; null: nothing. */
  get failure() {
    return this.#failure;
  }

  /** Whether there is a live edge to watch at. */
  get live() {
    return (this.#engine?.liveEdge() ?? null) !== null && !isOver(this.#broadcast);
  }

  /** Seconds behind the newest that can be had; null: there is nothing live. */
  get behind() {
    return this.live ? (this.#engine?.behind() ?? null) : null;
  }

  /** Where one can go to. */
  get window() {
    return this.#engine?.window() ?? null;
  }

  /** Close enough to the edge to be called live. */
  get atEdge() {
    const behind = this.behind;
    return behind !== null && !this.#video.paused && this.#pace.isLive(behind);
  }

  /** News of the channel's newest broadcast. @param {Broadcast | null} broadcast */
  update(broadcast) {
    this.#broadcast = broadcast;
    this.#newsAt = this.#environment.now();
    this.#direct?.heard(broadcast);
    if (broadcast !== null && broadcast.id !== this.#attachedId) this.#offered(broadcast);
    this.#settle();
  }

  /** Loads the broadcast, be it live, or the recording of one that is over. The count of failures goes on. */
  load() {
    const broadcast = this.#broadcast;
    if (broadcast?.hls) this.#attach(broadcast.id, broadcast.hls);
  }

  /** Nothing is played until there is news again. */
  stop() {
    this.#detach();
    this.#settle();
  }

  retry() {
    this.#recovery.played();
    this.#failure = null;
    this.load();
  }

  /** The server, or the way to it, is there again: what was given up for want of it begins anew. */
  revive() {
    if (this.#failed && (this.#failure === "network" || this.#failure === "missing")) this.retry();
  }

  goToEdge() {
    const edge = this.#engine?.liveEdge() ?? null;
    this.#followsLive = true;
    if (edge !== null && !this.direct) this.#video.currentTime = edge;
    return this.#video.play();
  }

  /** To another moment, as far as there is one: which is in the playlist alone. @param {number} position */
  seek(position) {
    if (this.direct) {
      this.#goBack = Math.min(0, position - this.#video.currentTime);
      return this.#goBack < 0 ? this.load() : undefined;
    }
    const { start, end } = this.window ?? { start: position, end: position };
    this.#video.currentTime = Math.min(end, Math.max(start, position));
    this.#seeFollowing();
  }

  /**
   * How far behind live the viewer likes to be.
   * @param {import("./pace.js").Delay} delay @param {import("./way-direct.js").Wish} [wish]
   */
  chooseDelay(delay, wish = "none") {
    this.#pace.choose(delay);
    this.#direct?.way.choose(wish);
    this.#engine?.keepBehind(this.#pace.target);
    const edge = this.#engine?.liveEdge() ?? null;
    if (this.direct && wish === "none") this.load();
    else if (this.#followsLive && edge !== null && !this.direct) this.#video.currentTime = edge;
    this.#onchange(this);
  }

  /** A quality of the engine's, or "auto". One that is chosen is only in the playlist. @param {string} value */
  chooseQuality(value) {
    this.#direct?.way.hold(value !== "auto");
    if (this.direct && value !== "auto") this.load();
    else this.#engine?.choose(value);
  }

  /** To be called about once a second: notices what no event tells. */
  tick() {
    if (this.#direct !== null) this.#tickDirect(this.#direct);
    if (this.#isStuck()) this.#fail("other");
    else if (this.#hasGrown()) this.load();
    this.#keepPace();
    this.#settle();
  }

  /** By WebRTC no event tells that no more pictures come. @param {Direct} direct */
  #tickDirect(direct) {
    if (!this.direct) return void this.#tryDirect(direct);
    const verdict = direct.judge(isOver(this.#broadcast));
    if (verdict === "goes" && !this.#video.paused) this.#moved();
    if (verdict === "stands") this.#moving = false;
    if (verdict === "over") this.#reachedEnd();
    if (verdict !== "lost") return;
    direct.fell(this.#video);
    this.load();
  }

  /** Beside what plays, for who watches live. @param {Direct} direct */
  async #tryDirect(direct) {
    if (!this.#moving || !this.#followsLive || !this.atEdge || !direct.mayTry(this.#broadcast)) return;
    const turn = this.#turn;
    const engine = await direct.open(() => this.#broadcast, null);
    if (engine === null || turn !== this.#turn) return;
    if (!this.#followsLive || this.#video.paused) return direct.cancel();
    setRate(this.#video, 1);
    direct.take(engine, this.#engine, this.#video);
    this.#engine = engine;
    this.#settle();
  }

  #listen() {
    const video = this.#video;
    video.addEventListener("timeupdate", () => this.direct || this.#moved()); // by WebRTC it comes from sound alone
    video.addEventListener("playing", () => this.#moved());
    video.addEventListener("waiting", () => this.#stood());
    video.addEventListener("ended", () => this.#reachedEnd());
    video.addEventListener("pause", () => (this.#paused = this.#moving));
    video.addEventListener("play", () => this.#wentOn());
  }

  /** Not at the start, where it may be at 0 for a moment. */
  #wentOn() {
    if (this.#paused) this.#seeFollowing();
    this.#paused = false;
  }

  /** Whoever has gone back, or has paused for long, stays there. */
  #seeFollowing() {
    const behind = this.behind;
    if (behind !== null) this.#followsLive = this.#pace.isLive(behind);
  }

  /** Not for who has gone back: that would take them to live. */
  #hasGrown() {
    if (this.#engine === null || !this.#moving || !this.#followsLive || !this.#isOnTheAir()) return false;
    const labels = this.#engine.qualities().map(({ label }) => label);
    return this.#ladder.grown({ renditions: this.#broadcast?.renditions ?? [], labels, now: this.#environment.now() });
  }

  #keepPace() {
    const video = this.#video;
    if (this.#engine !== null && this.#pace.cutInto(this.#engine.segment())) this.#engine.keepBehind(this.#pace.target);
    const behind = this.behind;
    if (behind === null || video.paused || !this.#followsLive) return setRate(video, 1);
    setRate(video, this.#pace.rate({ behind, buffered: bufferedAhead(video), rate: video.playbackRate }));
  }

  #moved() {
    if (this.#engine === null || this.#video.readyState < 3 || this.#video.ended) return;
    this.#moving = true;
    this.#finished = false;
    this.#failure = null;
    this.#movedAt = this.#environment.now();
    this.#recovery.played();
    this.#seekBack();
    this.#settle();
  }

  #seekBack() {
    const edge = this.#engine?.liveEdge() ?? null;
    const back = this.#goBack;
    if (back === 0 || edge === null) return;
    this.#goBack = 0;
    this.seek(edge + back);
  }

  /** What stands because the broadcast or the connection does is no reason to watch from further back. */
  #stood() {
    const starved = this.#moving && this.live && !this.#video.seeking && this.#failure === null;
    this.#moving = false;
    if (starved && this.#isOnTheAir() && this.#pace.stalled(this.#environment.now())) {
      this.#engine?.keepBehind(this.#pace.target);
    }
    this.#settle();
  }

  /** By what the server says, and it says so just now. */
  #isOnTheAir() {
    return this.#broadcast?.state === "live" && this.#environment.now() - this.#newsAt < FRESH_MS;
  }

  #reachedEnd() {
    this.#moving = false;
    this.#finished = true;
    this.#settle();
  }

  /** Another broadcast than the one that is loaded. What is over is not started unasked. @param {Broadcast} broadcast */
  #offered(broadcast) {
    if (broadcast.hls !== null && !isOver(broadcast)) {
      this.#recovery.played();
      this.#ladder = new Ladder();
      this.#failure = null;
      this.#attach(broadcast.id, broadcast.hls);
    }
  }

  /** @param {string} id @param {string} url */
  async #attach(id, url) {
    if (this.direct) this.#direct?.hold(this.#video);
    this.#detach();
    const turn = ++this.#turn;
    this.#attachedId = id;
    this.#movedAt = this.#environment.now();
    this.#followsLive = true;
    this.#paused = false;
    this.#settle();
    const events = {
      onqualities: () => this.#onchange(this),
      onfailure: (/** @type {Failure} */ failure) => turn === this.#turn && this.#fail(failure),
    };
    const direct = this.#goBack === 0 ? await this.#direct?.open(() => this.#broadcast, this.#video) : null;
    if (turn !== this.#turn) return;
    const engine = direct ?? (await this.#createEngine(this.#video, url, events).catch(failureOf));
    if (turn !== this.#turn) return typeof engine === "string" ? undefined : engine.destroy();
    if (typeof engine === "string") return this.#fail(engine);
    this.#engine = engine;
    engine.keepBehind(this.#pace.target);
    if (direct && !this.#video.paused) this.#moved();
    this.#settle();
  }

  #detach() {
    this.#turn += 1;
    this.#environment.clearTimeout(this.#timer);
    this.#engine?.destroy();
    this.#engine = null;
    this.#direct?.cancel();
    this.#attachedId = "";
    this.#moving = false;
    this.#finished = false;
    this.#failed = false;
    setRate(this.#video, 1);
  }

  /** @param {Failure} failure */
  #fail(failure) {
    this.#moving = this.#moving && failure !== "media" && failure !== "other"; // what is buffered still plays
    this.#failure = failure;
    this.#movedAt = this.#environment.now();
    // While the server itself says that it waits, there is nothing to give up on.
    if (isTroubled(this.#broadcast)) this.#recovery.played();
    const remedy = this.#recovery.next(failure);
    const wait = failure === "media" ? 0 : backoff(this.#recovery.attempt, this.#environment.random);
    this.#environment.clearTimeout(this.#timer);
    if (remedy === "give_up") this.#giveUp();
    else this.#timer = this.#environment.setTimeout(() => this.#remedy(remedy), wait);
    this.#settle();
  }

  /** @param {"resume" | "recover" | "reload"} remedy */
  #remedy(remedy) {
    const engine = this.#engine;
    if (engine === null || remedy === "reload") return this.load();
    if (remedy === "recover") engine.recover();
    else engine.resume();
  }

  #giveUp() {
    const id = this.#attachedId;
    this.#detach();
    this.#attachedId = id; // news of the same broadcast does not start it again: Retry does
    this.#failed = true;
  }

  #isStuck() {
    if (this.#engine === null || this.direct || this.#video.paused || !this.#isOnTheAir()) return false;
    return this.#environment.now() - this.#movedAt > STUCK_MS;
  }

  #settle() {
    this.#state = derive({
      broadcast: this.#broadcast,
      attached: this.#attachedId !== "",
      moving: this.#moving,
      finished: this.#finished,
      failed: this.#failed,
      standingMs: this.#environment.now() - this.#movedAt,
    });
    this.#onchange(this);
  }
}
