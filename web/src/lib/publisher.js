// Being live: from the wish to the end, across lost connections and other sources.
import { Admission } from "./admission.js";
import { Capture } from "./capture.js";
import { judge } from "./closing.js";
import { Connection, UNREADABLE_CODE } from "./connection.js";
import { Delivery } from "./delivery.js";
import { browserEnvironment } from "./environment.js";
import { LiveClock } from "./live-clock.js";
import { PublishError } from "./publish-errors.js";
import { keyframeDistance } from "./recording.js";
import { Retry } from "./retry.js";
import { FULL_WORDS, lossWords, renewalWords } from "./situation.js";
import { CRAMPED_WORDS } from "./vault.js";
import { Way } from "./way.js";

/** @typedef {"idle" | "preparing" | "connecting" | "live" | "reconnecting" | "stopping" | "ended" | "failed"} PublisherState */
/** @typedef {import("./admission.js").Papers} Papers */
/** @typedef {import("./capture.js").Source} Source */
/** @typedef {import("./closing.js").Verdict} Verdict */
/** @typedef {import("./connection.js").Closing} Closing */
/** @typedef {import("./connection.js").Ready} Ready */
/** @typedef {import("./environment.js").PublisherEnvironment} PublisherEnvironment */
/** @typedef {import("./types.js").Status} Status */

/**
 * @typedef {object} Wish
 * @property {() => Promise<Source>} openSource
 * @property {number} bitrate of the video, in bits per second
 * @property {string} title
 * @property {boolean} takeover cut off whoever is live on the channel
 */

/** `road`: that it takes; left out, or null: it is recorded, and kept until it is safe. @typedef {Wish & Papers & { road?: () => Builder | null }} Order */

/**
 * What a connection is to the publisher. `network`: how the way to the server does, where it tells.
 * @typedef {Pick<Connection, "open" | "waiting" | "pump" | "leave" | "drop"> & { network?: import("./whip.js").Network | null }} Link
 */
/** @typedef {{ papers: Papers, hello: import("./connection.js").Hello, supply: import("./connection.js").Supply, listener: import("./connection.js").Listener }} Opening */

/**
 * By which what is captured gets to the server.
 * @typedef {object} Road
 * @property {Pick<Capture, keyof Capture>} capture
 * @property {Delivery} delivery
 * @property {(opening: Opening) => Link} connect
 * @property {typeof import("./health.js").health} [health] its own words
 */
/** @typedef {(captured: import("./capture.js").CaptureListener, delivery: Delivery, environment: PublisherEnvironment) => Road} Builder */

const GHOST_MS = 10_000; // how long the server may take a lost connection of ours for a live one

/** MediaRecorder, and a WebSocket. @type {Builder} */
const recorded = (captured, delivery, environment) => ({
  capture: new Capture(captured, environment),
  delivery,
  connect: ({ papers, ...opening }) => new Connection({ url: papers.url, protocols: papers.protocols(), ...opening }, environment),
});

const ACTIVE = new Set(["preparing", "connecting", "live", "reconnecting", "stopping"]);

/**
 * One publisher for one page. All that happens goes through `#to`, all that goes wrong through
 * `#fail`. The capture records into the backlog, and knows no connection; one connection after
 * another sends what the backlog holds, from where the server says, until all of it is safe.
 */
export class Publisher {
  /** @type {PublisherState} */
  #state = "idle";
  #message = "";
  #errorCode = "";
  #notice = "";
  /** @type {Order | null} */
  #order = null;
  /** @type {Link | null} */
  #connection = null;
  #way;
  /** @type {Status | null} */
  #status = null;
  #ghostUntil = -Infinity;
  /** Seconds that no broadcast could be made of. */
  #lost = 0;
  /** Why a new broadcast has to begin, until it has. */
  #renewal = "";
  #admission;
  #clock;
  #farewell = "";
  #resumed = false;
  #retry;
  /** @type {Road} */
  #road;
  #delivery;
  #onchange;
  #environment;

  /** @param {(publisher: Publisher) => void} onchange @param {PublisherEnvironment} [environment] */
  constructor(onchange, environment = browserEnvironment()) {
    this.#onchange = onchange;
    this.#environment = environment;
    this.#way = new Way(0, environment);
    this.#retry = new Retry(environment);
    this.#admission = new Admission(this.#retry, environment);
    this.#clock = new LiveClock(environment);
    this.#delivery = new Delivery(environment.openStore(), () => this.#noticed(CRAMPED_WORDS));
    this.#road = this.#build(null);
  }

  get state() {
    return this.#state;
  }

  /** A sentence on why the state is what it is; empty when the state says it all. */
  get message() {
    return this.#message;
  }

  get errorCode() {
    return this.#errorCode;
  }

  /** What happened to this broadcast that the person should know, whatever the state is now. */
  get notice() {
    return this.#notice;
  }

  get active() {
    return ACTIVE.has(this.#state);
  }

  /** Whether another source can take over: something is recorded and goes on being so. */
  get switchable() {
    return this.#state === "live" || (this.#state === "reconnecting" && this.#capture.recording);
  }

  /** What the server says of the broadcast; null while there is no connection. */
  get status() {
    return this.#connected ? this.#status : null;
  }

  /** How the broadcast is, in words of its own. */
  get health() {
    return this.#road.health;
  }

  /** Whether what is sent is kept here until it is safe. */
  get kept() {
    return this.#road.health === undefined;
  }

  get statistics() {
    const figures = this.#way.figures;
    return {
      ...figures,
      sentBytes: figures.sentBytes - (this.#connection?.waiting ?? 0),
      slow: this.#connected && figures.slow,
      recordedSeconds: this.#backlog.recorded,
      unsafeSeconds: this.#backlog.seconds,
      connected: this.#connected,
      bitrate: this.#capture.bitrate,
      recording: this.#capture.recording,
      renewing: this.#renewal !== "",
      overdue: this.#retry.lostSeconds > this.#delivery.window,
      resumed: this.#resumed,
      barred: this.#admission.barred,
      liveSeconds: this.#clock.seconds,
      mimeType: this.#capture.mimeType,
      retrySeconds: this.#retry.seconds,
      network: this.#connection?.network ?? null,
    };
  }

  /** @param {Order} order */
  async start(order) {
    if (this.active) return;
    this.#reset(order);
    this.#to("preparing");
    try {
      const source = await order.openSource();
      if (!this.#awaits(order)) return source.close();
      this.#road = this.#build(order.road?.() ?? null);
      this.#capture.adopt(source, order.bitrate);
    } catch (error) {
      if (this.#awaits(order)) this.#fail(PublishError.from(error));
      return;
    }
    this.#to("connecting");
    this.#connect();
  }

  /** It may have been cancelled meanwhile, and another one begun. @param {Order} order */
  #awaits(order) {
    return this.#state === "preparing" && this.#order === order;
  }

  /**
   * Another source, or the same one at another bitrate or in another shape, without leaving the air.
   * @param {Source} source open
   * @param {number} bitrate wanted
   * @returns {boolean} false when nothing goes on that could be switched
   * @throws {PublishError} when it cannot be recorded: the old one goes on
   */
  switchTo(source, bitrate) {
    if (!this.switchable) return false;
    this.#way.want(bitrate, (borne) => this.#capture.replace(source, borne));
    this.#onchange(this);
    return true;
  }

  /**
   * Records no more, delivers the rest, connected or not, and is over when the server says so.
   * @param {string} [why] said to the person when it was not their own wish
   */
  stop(why = "") {
    if (this.#state === "stopping" || !this.active) return;
    this.#farewell = why;
    if (!this.#backlog.begun) return this.#finish("ended", why || "Cancelled before anything was recorded.");
    this.#clock.stop();
    this.#to("stopping", this.#admission.barred ? this.#message : why);
    this.#capture.finish(() => (this.#backlog.seal(), this.#connection?.pump()));
  }

  /** Gives up what could not be delivered. */
  discard() {
    if (this.#state !== "stopping") return;
    this.#finish("ended", this.#withLoss(this.#farewell) || "Ended.");
  }

  /** A failure has been read. */
  settle() {
    if (this.#state === "failed") this.#to("idle");
  }

  /** The page goes away for good. What is recorded is sent; there is no time to wait for more. */
  leave() {
    this.#connection?.leave();
  }

  /** The network is back: no need to wait any longer. */
  hurry() {
    if (this.active && this.#state !== "preparing" && this.#connection === null && this.#retry.free && !this.#admission.barred) this.#connect();
  }

  /** Other papers, for the connections to come. @param {Papers} papers */
  readmit(papers) {
    if (!this.active) return;
    this.#admission.show(papers);
    this.hurry();
  }

  /** @param {string} words */
  #noticed(words) {
    this.#notice = words;
    this.#onchange(this);
  }

  /** @param {Builder | null} builder */
  #build(builder) {
    /** @type {import("./capture.js").CaptureListener} */
    const captured = { recorded: (size) => this.#recorded(size), over: (why) => this.stop(why), failed: (error) => this.#captureFailed(error) };
    return (builder ?? recorded)(captured, this.#delivery, this.#environment);
  }

  get #capture() {
    return this.#road.capture;
  }

  get #backlog() {
    return this.#delivery.backlog;
  }

  get #connected() {
    return this.#connection?.open ?? false;
  }

  /** @param {Order} order */
  #reset(order) {
    this.#order = order;
    this.#delivery.begin();
    this.#way = new Way(order.bitrate, this.#environment);
    this.#status = null;
    this.#retry.reset();
    this.#ghostUntil = -Infinity;
    this.#lost = 0;
    this.#admission.show(order);
    this.#clock.reset();
    this.#farewell = "";
    this.#renewal = "";
    this.#notice = "";
  }

  #connect() {
    const order = /** @type {Order} */ (this.#order);
    const { papers } = this.#admission;
    const { supply } = this.#delivery;
    this.#retry.opening();
    try {
      const hello = this.#delivery.hello(order, () => this.#capture.wantedType);
      this.#connection = this.#road.connect({ papers, hello, supply, listener: this.#listener() });
    } catch (error) {
      this.#fail(PublishError.from(error));
    }
  }

  /** @returns {import("./connection.js").Listener} */
  #listener() {
    return {
      ready: (ready) => this.#ready(ready),
      ack: (ack) => this.#way.acked(this.#delivery.ack(ack), this.#backlog.seconds),
      status: (status) => this.#heard(status),
      ended: (words) => this.#ended(words),
      closed: (closing) => this.#closed(closing),
      sent: (bytes) => this.#way.sent(bytes),
      noticed: (words) => this.#noticed(words),
    };
  }

  /** @param {Ready} ready */
  #ready(ready) {
    this.#resumed = this.#delivery.ready(ready);
    this.#way.ready(ready.broadcast, ready.segment ?? 0);
    this.#status = null;
    this.#retry.ready();
    this.#capture.keyframeMs = keyframeDistance(ready.segment ?? 0);
    if (this.#renewal !== "") this.#notice = `${this.#renewal} A new broadcast has begun.`;
    this.#renewal = "";
    if (!this.#capture.recording) return this.#record();
    this.#onAir();
  }

  /** Nothing is recorded before the server has room for it: so nothing is lost when it has none. */
  #record() {
    try {
      this.#capture.record(this.#backlog);
    } catch (error) {
      this.#fail(PublishError.from(error));
    }
  }

  /** @param {number} size */
  #recorded(size) {
    this.#way.recorded(size);
    this.#delivery.recorded();
    this.#connection?.pump();
    if (this.#backlog.full) return this.stop(FULL_WORDS);
    if (this.#state === "connecting" && this.#connected) this.#onAir();
  }

  #onAir() {
    if (this.#state === "stopping") return this.#to("stopping", this.#farewell);
    this.#clock.start();
    this.#to("live");
  }

  /** @param {Status} status */
  #heard(status) {
    this.#status = status;
    this.#way.heard(status, this.#backlog.seconds);
    const bitrate = this.#state === "live" ? this.#way.next() : null;
    if (bitrate !== null) void this.#capture.pace(bitrate);
    this.#onchange(this);
  }

  #ended(words = "Ended: everything is in the playlist.") {
    this.#connection = null;
    if (this.#state !== "stopping") return this.#finish("ended", this.#withLoss("The server ended the broadcast."));
    this.#delivery.clear(); // it has all of it, acknowledged or not
    this.#finish("ended", `${this.#farewell} ${words}`.trim());
  }

  /** @param {Closing} closing */
  #closed(closing) {
    this.#connection = null;
    const now = this.#environment.now();
    const finished = this.#state === "stopping" && this.#backlog.safe;
    const verdict = judge(closing, { finished, ghost: now < this.#ghostUntil, kept: this.#backlog.begun });
    if (closing.hello === "start" && closing.greeted && closing.code !== 4409) this.#ghostUntil = now + GHOST_MS;
    switch (verdict.action) {
      case "done":
        return this.#ended();
      case "fail":
        return this.#fail({ ...verdict, message: this.#withLoss(verdict.message) });
      case "afresh":
        return this.#afresh(verdict, closing);
      case "permit":
        return this.#bar(verdict);
      default:
        return this.#again(verdict, closing);
    }
  }

  /** @param {Verdict} verdict @param {Closing} closing */
  #again({ action, message }, { ready, error }) {
    this.#retry.after({ ready, full: action === "wait", asked: error?.retryAfter ?? 0 }, () => this.#connect());
    this.#to(this.#state === "live" ? "reconnecting" : this.#state, message);
  }

  /** Recording goes on, and what is recorded waits for papers that the server takes. @param {Verdict} verdict */
  #bar({ message }) {
    this.#admission.refused(() => this.#connect());
    this.#to(this.#state === "live" ? "reconnecting" : this.#state, `${message} ${this.#admission.papers.advice}`);
  }

  /**
   * The old broadcast is over. What it did not get begins a new one, and recording goes on in that.
   * @param {Verdict} verdict @param {Closing} closing
   */
  #afresh(verdict, closing) {
    const { seconds, cut } = this.#delivery.afresh(closing.code !== UNREADABLE_CODE);
    const stopping = this.#state === "stopping";
    this.#lost += seconds;
    const message = `${verdict.message} ${renewalWords(this.#lost, this.#backlog.seconds)}`.trim();
    if (stopping && this.#backlog.safe) return this.#fail({ ...verdict, message });
    this.#renewal = message;
    if (!stopping) this.#clock.reset();
    this.#ghostUntil = this.#environment.now() + GHOST_MS;
    this.#order = { .../** @type {Order} */ (this.#order), takeover: false };
    if (cut && !stopping) this.#record();
    if (this.active) this.#again({ ...verdict, message }, closing);
  }

  /** What is recorded is delivered all the same. @param {PublishError} error */
  #captureFailed(error) {
    if (this.#backlog.begun) return this.stop(error.message);
    this.#fail(error);
  }

  /** @param {{ code: string, message: string }} error */
  #fail(error) {
    if (!this.active) return;
    this.#errorCode = error.code;
    this.#finish("failed", error.message);
  }

  /** What a failure or a change of mind costs. @param {string} message */
  #withLoss(message) {
    const lost = this.#lost + this.#backlog.seconds;
    return `${message} ${lossWords(lost)}`.trim();
  }

  /** @param {"ended" | "failed"} state @param {string} message */
  #finish(state, message) {
    this.#clock.stop();
    this.#retry.cancel();
    this.#admission.barred = false;
    this.#connection?.leave();
    this.#connection?.drop();
    this.#connection = null;
    this.#capture.close();
    this.#way.lost(this.#lost + this.#backlog.seconds);
    this.#delivery.clear();
    this.#to(state, message);
  }

  /** @param {PublisherState} state @param {string} [message] */
  #to(state, message = "") {
    this.#state = state;
    this.#message = message;
    if (state !== "failed") this.#errorCode = "";
    this.#onchange(this);
  }
}
