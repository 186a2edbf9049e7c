// Being live: from the wish to the end, across lost connections.
import { backoff } from "./backoff.js";
import { judge, STOP_CODE } from "./closing.js";
import { lowered, pressure, RateMeter } from "./flow.js";
import { chooseType, recorderOptions, TIMESLICE_MS } from "./recording.js";
import { PublishError } from "./publish-errors.js";

/** @typedef {"idle" | "preparing" | "connecting" | "live" | "reconnecting" | "stopping" | "ended" | "failed"} PublisherState */
/** @typedef {import("./closing.js").Verdict} Verdict */

/**
 * What is recorded: camera, screen or file.
 * @typedef {object} Source
 * @property {MediaStream} stream
 * @property {((why: string) => void) | null} onended it is over by itself: unplugged, no longer shared, played out
 * @property {() => Promise<void>} release let it run, now that it is recorded
 * @property {() => void} hold nothing records it now: what can wait should wait
 * @property {() => void} close
 */

/**
 * @typedef {object} Order
 * @property {() => Promise<Source>} openSource
 * @property {string} url
 * @property {string[]} protocols
 * @property {number} bitrate of the video, in bits per second
 */

/**
 * @typedef {object} PublisherEnvironment
 * @property {typeof WebSocket} WebSocket
 * @property {typeof MediaRecorder} MediaRecorder
 * @property {() => number} now milliseconds
 * @property {() => number} random
 * @property {(run: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 */

const CONNECT_TIMEOUT_MS = 15_000; // from opening a socket to the first bytes on it
const DRAIN_TIMEOUT_MS = 15_000; // from the last frame to its having been sent
const CLOSE_TIMEOUT_MS = 5000; // from our close to the server's
const DRAIN_POLL_MS = 50;
const SETTLED_MS = 3000; // a connection that lived this long makes the next wait short again

const LOST_CODE = 4001; // anything but the code for stop leaves the broadcast open to be resumed

const ACTIVE = new Set(["preparing", "connecting", "live", "reconnecting", "stopping"]);

/**
 * One publisher for one page. All that happens goes through `#to`, all that goes wrong through
 * `#fail`. A socket and a recorder live and die together: each connection gets a recording of its
 * own, since a server that lost the old one can make nothing of its middle.
 */
export class Publisher {
  /** @type {PublisherState} */
  #state = "idle";
  #message = "";
  #errorCode = "";
  /** @type {Order | null} */
  #order = null;
  /** @type {Source | null} */
  #source = null;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {MediaRecorder | null} */
  #recorder = null;
  #meter = new RateMeter();
  #timer = 0;
  #attempt = 0;
  #bitrate = 0;
  #sent = false;
  #slow = false;
  #closing = false;
  #mimeType = "";
  /** @type {number | null} */
  #liveSince = null;
  /** @type {number | null} */
  #lostAt = null;
  #openedAt = 0;
  #retryAt = 0;
  #liveSeconds = 0;
  #onchange;
  #environment;

  /** @param {(publisher: Publisher) => void} onchange @param {PublisherEnvironment} [environment] */
  constructor(onchange, environment = browser()) {
    this.#onchange = onchange;
    this.#environment = environment;
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

  get active() {
    return ACTIVE.has(this.#state);
  }

  get statistics() {
    const now = this.#environment.now();
    const rate = this.#meter.bitsPerSecond(now);
    const waiting = this.#socket?.bufferedAmount ?? 0;
    return {
      bytes: this.#meter.total,
      bitsPerSecond: rate,
      waitingSeconds: rate > 0 ? (waiting * 8) / rate : 0,
      slow: pressure(waiting) !== "fine",
      liveSeconds: this.#liveSince === null ? this.#liveSeconds : (now - this.#liveSince) / 1000,
      mimeType: this.#mimeType,
      retrySeconds: this.#state === "reconnecting" ? Math.max(0, (this.#retryAt - now) / 1000) : 0,
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
      this.#adopt(source);
    } catch (error) {
      if (this.#awaits(order)) this.#fail(PublishError.from(error));
      return;
    }
    this.#connect("connecting");
  }

  /** It may have been cancelled meanwhile, and another one begun. @param {Order} order */
  #awaits(order) {
    return this.#state === "preparing" && this.#order === order;
  }

  /** @param {string} [why] said to the person when it was not their own wish */
  stop(why = "") {
    if (this.#state === "live") return this.#complete(why);
    if (this.#state === "stopping" || !this.active) return;
    const lost = this.#lostAt !== null;
    this.#finish("ended", lost ? "Stopped while the connection was lost: the server ends the broadcast within a minute." : why);
  }

  /** The page goes away for good. What is recorded is sent; there is no time to wait for more. */
  leave() {
    this.#socket?.close(STOP_CODE, "stop");
  }

  /** The network is back: no need to wait any longer. */
  hurry() {
    if (this.#state === "reconnecting" && this.#socket === null) this.#connect("reconnecting");
  }

  /** @param {Order} order */
  #reset(order) {
    this.#order = order;
    this.#bitrate = order.bitrate;
    this.#meter = new RateMeter();
    this.#attempt = 0;
    this.#liveSince = null;
    this.#liveSeconds = 0;
    this.#lostAt = null;
    this.#mimeType = "";
  }

  /** @param {Source} source */
  #adopt(source) {
    this.#source = source;
    source.onended = (why) => this.stop(why);
  }

  /** @param {"connecting" | "reconnecting"} state */
  #connect(state) {
    const socket = this.#openSocket();
    if (socket === null) return;
    this.#socket = socket;
    this.#sent = false;
    this.#slow = false;
    this.#closing = false;
    this.#openedAt = this.#environment.now();
    socket.onopen = () => this.#record(socket);
    socket.onclose = ({ code, reason }) => this.#closed(socket, code, reason);
    this.#after(CONNECT_TIMEOUT_MS, () => this.#closed(socket, 1006, ""));
    this.#to(state, this.#message);
  }

  /** The constructor throws for a token that cannot stand in a header. */
  #openSocket() {
    const { url, protocols } = /** @type {Order} */ (this.#order);
    try {
      return new this.#environment.WebSocket(url, protocols);
    } catch (error) {
      this.#fail(PublishError.from(error));
      return null;
    }
  }

  /** @param {WebSocket} socket */
  #record(socket) {
    const source = this.#source;
    if (socket !== this.#socket || source === null) return;
    try {
      this.#recorder = this.#startRecorder(socket, source);
    } catch (error) {
      return this.#fail(PublishError.from(error));
    }
    source.release().catch((error) => this.#fail(PublishError.from(error)));
  }

  /** @param {WebSocket} socket @param {Source} source */
  #startRecorder(socket, source) {
    const { MediaRecorder } = this.#environment;
    const hasVideo = source.stream.getVideoTracks().length > 0;
    const type = chooseType(hasVideo, (candidate) => MediaRecorder.isTypeSupported(candidate));
    if (type === null) throw new PublishError("no_recorder");
    const recorder = new MediaRecorder(source.stream, recorderOptions(type, this.#bitrate));
    recorder.ondataavailable = ({ data }) => this.#send(socket, recorder, data);
    recorder.onerror = () => this.#fail(new PublishError("recorder_failed"));
    recorder.start(TIMESLICE_MS);
    return recorder;
  }

  /** @param {WebSocket} socket @param {MediaRecorder} recorder @param {Blob} data */
  #send(socket, recorder, data) {
    if (socket !== this.#socket || data.size === 0) return;
    socket.send(data);
    this.#meter.add(this.#environment.now(), data.size);
    this.#mimeType = recorder.mimeType;
    if (!this.#sent) this.#firstSent();
    this.#weigh(socket.bufferedAmount);
  }

  /**
   * Only now is it live: a server that refuses a publisher lets the socket open, so that it can
   * say why in the close code, and closes it before any recording comes.
   */
  #firstSent() {
    this.#sent = true;
    this.#cancelTimer();
    this.#lostAt = null;
    this.#liveSince ??= this.#environment.now();
    if (this.#state !== "stopping") this.#to("live");
  }

  /** @param {number} waiting */
  #weigh(waiting) {
    const verdict = pressure(waiting);
    if (verdict === "slow" && !this.#slow) {
      this.#slow = true;
      this.#bitrate = lowered(this.#bitrate);
    }
    if (verdict === "full") this.#fail(new PublishError("too_slow"));
  }

  /** The recording is complete: its last piece is sent, and only then is the socket closed. */
  #complete(/** @type {string} */ why) {
    const recorder = this.#recorder;
    this.#to("stopping", why);
    const deadline = this.#environment.now() + DRAIN_TIMEOUT_MS;
    if (recorder === null || recorder.state === "inactive") return this.#drain(deadline);
    recorder.onstop = () => this.#drain(deadline);
    recorder.stop();
  }

  /** @param {number} deadline */
  #drain(deadline) {
    const socket = this.#socket;
    if (socket === null || this.#state !== "stopping" || this.#closing) return;
    if (socket.bufferedAmount > 0 && this.#environment.now() < deadline) {
      return this.#after(DRAIN_POLL_MS, () => this.#drain(deadline));
    }
    this.#closing = true;
    socket.close(STOP_CODE, "stop");
    this.#after(CLOSE_TIMEOUT_MS, () => this.#closed(socket, STOP_CODE, ""));
  }

  /** @param {WebSocket} socket @param {number} code @param {string} reason */
  #closed(socket, code, reason) {
    if (socket !== this.#socket) return;
    const now = this.#environment.now();
    if (this.#state === "stopping") return this.#stopped();
    const lostFor = this.#lostAt === null ? null : now - this.#lostAt;
    const verdict = judge(code, reason, { sent: this.#sent, lostFor });
    if (this.#sent && now - this.#openedAt > SETTLED_MS) this.#attempt = 0;
    this.#disconnect(LOST_CODE);
    if (verdict.action === "retry") return this.#retry(verdict);
    if (verdict.action === "end") return this.#finish("ended", verdict.message);
    this.#fail(verdict);
  }

  /** A loss while stopping costs the tail at most; the server ends the broadcast by itself. */
  #stopped() {
    const complete = this.#closing;
    this.#finish("ended", complete ? this.#message : "The connection was lost while stopping: the server ends the broadcast within a minute.");
  }

  /** @param {Verdict} verdict */
  #retry(verdict) {
    const now = this.#environment.now();
    if (this.#sent) this.#lostAt ??= now;
    this.#source?.hold();
    const delay = backoff(this.#attempt++, this.#environment.random);
    this.#retryAt = now + delay;
    this.#after(delay, () => this.#connect("reconnecting"));
    this.#to("reconnecting", verdict.message);
  }

  /** @param {{ code: string, message: string }} error */
  #fail(error) {
    if (!this.active) return;
    this.#errorCode = error.code;
    this.#finish("failed", error.message);
  }

  /** @param {"ended" | "failed"} state @param {string} message */
  #finish(state, message) {
    if (this.#liveSince !== null) this.#liveSeconds = (this.#environment.now() - this.#liveSince) / 1000;
    this.#liveSince = null;
    this.#disconnect(STOP_CODE);
    this.#source?.close();
    this.#source = null;
    this.#to(state, message);
  }

  /**
   * After this, nothing that the old socket or its recorder still says is heard.
   * @param {number} code says whether the broadcast is over or only this connection
   */
  #disconnect(code) {
    this.#cancelTimer();
    const socket = this.#socket;
    const recorder = this.#recorder;
    this.#socket = null;
    this.#recorder = null;
    this.#meter.reset();
    if (recorder !== null && recorder.state !== "inactive") recorder.stop();
    if (socket !== null) socket.close(code, code === STOP_CODE ? "stop" : "lost");
  }

  /** @param {number} ms @param {() => void} run */
  #after(ms, run) {
    this.#cancelTimer();
    this.#timer = this.#environment.setTimeout(run, ms);
  }

  #cancelTimer() {
    this.#environment.clearTimeout(this.#timer);
  }

  /** @param {PublisherState} state @param {string} [message] */
  #to(state, message = "") {
    this.#state = state;
    this.#message = message;
    if (state !== "failed") this.#errorCode = "";
    this.#onchange(this);
  }
}

/** @returns {PublisherEnvironment} */
function browser() {
  return {
    WebSocket,
    MediaRecorder,
    now: () => performance.now(),
    random: Math.random,
    setTimeout: (run, ms) => window.setTimeout(run, ms),
    clearTimeout: (timer) => window.clearTimeout(timer),
  };
}
