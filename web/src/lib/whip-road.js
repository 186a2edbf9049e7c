// By WebRTC to the server (WHIP, RFC 9725): what is captured is sent as it comes. Loaded only where that is chosen.
import { SILENT_CODE } from "./connection.js";
import { PublishError } from "./publish-errors.js";
import { negotiate, retryAfter } from "./signalling.js";
import { closeCode, encodings, look, preferred } from "./whip.js";
import { whipHealth } from "./whip-health.js";
import { isOver } from "./words.js";

/** @typedef {import("./capture.js").CaptureListener} CaptureListener */
/** @typedef {import("./capture.js").Source} Source */
/** @typedef {import("./environment.js").PublisherEnvironment} PublisherEnvironment */
/** @typedef {import("./publisher.js").Opening} Opening */
/** @typedef {import("./types.js").Broadcast} Broadcast */

/**
 * @typedef {object} Outside what a test puts fakes for
 * @property {() => RTCPeerConnection} connection
 * @property {typeof fetch} fetch
 * @property {() => RTCRtpCodec[]} codecs that this browser can send pictures in
 */

const OPEN_MS = 15_000; // from the offer until media can flow
const LOOK_MS = 1000;
const STANDING = 5; // looks in a row without a word from the server, which answers several times a second
const MISSED = 2; // of them, where the server says that it misses us
const NEWS_MS = 1500; // what has happened to the broadcast is told beside, and may come later
const END_MS = 20_000; // for the last of it to get into the playlist
const SEGMENT = 2; // seconds: the server asks for a keyframe as often
const CALM = 0.7; // the share of the past in what is said of losses

const BLOCKED = { code: "blocked", action: /** @type {const} */ ("fail"), message: "WebRTC does not get through to the server: a firewall may be in the way. Choose “Nothing lost”, which takes the way of this page." };
const ENDED_WORDS = "Ended: all that arrived is in the playlist.";
const LEFT_WORDS = "Ended here. The server ends the broadcast once it has waited for you.";
const ANEW_WORDS = "The server had given up waiting and ended the broadcast. A new one has begun.";

/** The server does not take it now. */
class Refused extends Error {
  /** @param {number} status of HTTP; 0: there was no answer @param {any} [said] @param {number} [wait] seconds */
  constructor(status, { code = "", message = "" } = {}, wait = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.wait = wait;
  }
}

/** One peer connection, from its offer to its end. Another one follows where it is lost: the server restarts no ICE. */
class Link {
  waiting = 0; // bytes: nothing is kept
  /** @type {import("./whip.js").Network | null} */
  network = null;
  /** `parting`: it is gone, but why is not yet known. @type {"opening" | "open" | "parting" | "ending" | "over"} */
  #state = "opening";
  #session = "";
  #timer = 0;
  #standing = 0;
  #last = look([]);
  /** @type {RTCRtpSender[]} */
  #senders = [];
  #headers;
  #pc;
  #opening;
  #live;
  #outside;
  #environment;

  /** @param {Opening} opening @param {Live} live @param {Outside} outside @param {PublisherEnvironment} environment */
  constructor(opening, live, outside, environment) {
    this.#opening = opening;
    this.#live = live;
    this.#outside = outside;
    this.#environment = environment;
    this.#headers = { Authorization: `Bearer ${opening.papers.bearer()}` };
    const pc = outside.connection();
    this.#pc = pc;
    pc.onconnectionstatechange = () => this.#changed();
    this.#after(OPEN_MS, () => this.#late());
    this.#negotiate().catch((error) => this.#refused(error));
  }

  get open() {
    return this.#state !== "opening" && this.#state !== "over";
  }

  /** Nothing waits here. */
  pump() {}

  /** The server is told that this was all, also by a page that is left. */
  leave() {
    if (this.#session !== "") this.#outside.fetch(this.#session, { method: "DELETE", headers: this.#headers, keepalive: true }).catch(() => {}); // the server misses us
    this.#session = "";
  }

  /** Without a word to anybody: the broadcast waits for another one. */
  drop() {
    this.#state = "over";
    this.#environment.clearTimeout(this.#timer);
    this.#pc.close();
  }

  /** This was all: over once the playlist has it, whether there is a connection or not. */
  end() {
    const { now } = this.#environment;
    const until = this.#session === "" ? now() : now() + END_MS;
    this.leave();
    this.drop();
    this.#state = "ending";
    const wait = () => {
      const done = this.#live.over;
      if (!done && now() < until) return this.#after(LOOK_MS / 4, wait);
      this.#state = "over";
      this.#opening.listener.ended(done ? ENDED_WORDS : LEFT_WORDS);
    };
    this.#after(0, wait);
  }

  /** What is captured now, in the place of what was before. @param {MediaStream} stream */
  async show(stream) {
    for (const sender of this.#senders) await sender.replaceTrack(stream.getTracks().find(({ kind }) => kind === sender.track?.kind) ?? null);
    await this.#tune();
  }

  async #negotiate() {
    const { stream, bitrate, frameRate } = this.#live;
    for (const track of stream.getTracks()) {
      const sent = this.#pc.addTransceiver(track, { direction: "sendonly", streams: [stream], sendEncodings: encodings(track.kind, bitrate, frameRate) });
      const codecs = track.kind === "video" ? preferred(this.#outside.codecs()) : [];
      if (codecs.length > 0) sent.setCodecPreferences?.(codecs);
      this.#senders.push(sent.sender);
    }
    await this.#tune();
    await negotiate(this.#pc, (sdp) => this.#post(sdp), (session) => {
      this.#session = session;
      if (this.#state === "over") this.leave(); // nobody wants it any more
      return this.#state === "opening";
    });
  }

  /** A picture that begins small would have no large renditions; it may become coarse instead. */
  async #tune() {
    const { bitrate, frameRate } = this.#live;
    for (const sender of this.#senders) {
      const kind = sender.track?.kind ?? "";
      const parameters = sender.getParameters();
      const [wanted] = encodings(kind, bitrate, frameRate);
      for (const encoding of parameters.encodings) Object.assign(encoding, wanted);
      if (kind === "video") Object.assign(parameters, { degradationPreference: "maintain-resolution" });
      await sender.setParameters(parameters).catch(() => {}); // then it goes by what the browser thinks best
    }
  }

  /** @param {string} body */
  async #post(body) {
    const { hello, papers } = this.#opening;
    const { title = "", takeover = false } = hello.type === "start" ? hello : {};
    const query = new URLSearchParams({ title, ...(takeover && !this.#live.recording && { takeover: "true" }) });
    const headers = { ...this.#headers, "Content-Type": "application/sdp" };
    const answer = await this.#outside.fetch(`/whip/${encodeURIComponent(papers.channel)}?${query}`, { method: "POST", headers, body }).catch(() => {
      throw new Refused(0);
    });
    if (answer.status === 201) return answer;
    const said = await answer.json().catch(() => null);
    throw new Refused(answer.status, said?.error, retryAfter(answer.headers.get("Retry-After")) / 1000);
  }

  #changed() {
    const { connectionState } = this.#pc;
    if (connectionState === "connected" && this.#state === "opening") return this.#opened();
    if ((connectionState === "failed" || connectionState === "closed") && this.#state === "open") this.#lost(NEWS_MS);
  }

  #opened() {
    this.#state = "open";
    this.#opening.listener.ready({ broadcast: null, epoch: 0, offset: 0, segment: SEGMENT });
    this.#after(LOOK_MS, () => void this.#look());
  }

  async #look() {
    const now = look((await this.#pc.getStats()).values());
    if (this.#state !== "open") return;
    this.#standing = now.received > this.#last.received ? 0 : this.#standing + 1;
    const missed = this.#live.news().broadcast?.state === "interrupted";
    if (this.#standing >= (missed ? MISSED : STANDING)) return this.#lost();
    this.#tell(now);
    this.#last = now;
    this.#after(LOOK_MS, () => void this.#look());
  }

  /** @param {import("./whip.js").Look} now */
  #tell({ sent, roundTrip, lost, limited, codecs }) {
    const { listener } = this.#opening;
    const { broadcast, anew } = this.#live;
    const { network } = this;
    const limitedSeconds = limited === network?.limited && limited !== "none" ? network.limitedSeconds + 1 : 0;
    const lag = typeof broadcast?.commit_lag === "number" ? roundTrip / 2 + broadcast.commit_lag : null;
    this.network = { bitrate: (sent - this.#last.sent) * 8, roundTrip, lost: lost + CALM * ((network?.lost ?? lost) - lost), limited, limitedSeconds, lag };
    this.#live.mimeType = `;codecs=${codecs}`;
    this.#live.sent();
    listener.sent?.(sent - this.#last.sent);
    if (anew) listener.noticed?.(ANEW_WORDS);
    if (broadcast === null) return;
    const { speed = null, fps = null, restarts = 0 } = broadcast.encoder ?? {};
    const renditions = broadcast.renditions.map(({ name }) => name);
    listener.status({ ...broadcast, broadcast: broadcast.id, speed, fps, restarts, renditions, dropped: [], latency: null });
  }

  /** The server may have ended the broadcast, and then there is nothing to go on with. @param {number} [wait] for its news */
  #lost(wait = 0) {
    this.drop();
    this.#state = "parting";
    this.#after(wait, () => {
      this.#state = "over";
      if (this.#live.over) return this.#opening.listener.ended();
      this.#closed(1006, true);
    });
  }

  /** No answer; or an answer, but nothing gets through. */
  #late() {
    const blocked = this.#session !== "" && !this.#live.recording;
    const code = this.#session === "" ? SILENT_CODE : 1006;
    if (blocked) this.leave();
    this.drop();
    this.#closed(code, false, blocked ? BLOCKED : undefined);
  }

  /** @param {unknown} error */
  #refused(error) {
    if (this.#state !== "opening") return;
    this.leave();
    this.drop();
    if (!(error instanceof Refused)) return this.#closed(1006, false, { ...PublishError.from(error), message: String(PublishError.from(error).message), action: "fail" });
    const { status, code, message, wait } = error;
    // It says itself when WebRTC is off, and when it is on its way back.
    const verdict = status === 503 && code === "unavailable" ? { code, message, action: wait > 0 ? /** @type {const} */ ("wait") : /** @type {const} */ ("fail") } : undefined;
    this.#closed(closeCode(status, code), false, verdict, message === "" ? null : { code, message, retryAfter: wait });
  }

  /** @param {number} code @param {boolean} ready @param {import("./closing.js").Verdict} [verdict] @param {import("./connection.js").Closing["error"]} [error] */
  #closed(code, ready, verdict, error = null) {
    this.#opening.listener.closed({ code, reason: "", error, hello: "start", greeted: true, ready, verdict });
  }

  /** @param {number} ms @param {() => void} run */
  #after(ms, run) {
    this.#environment.clearTimeout(this.#timer);
    this.#timer = this.#environment.setTimeout(run, ms);
  }
}

/** What is sent: one source after another, over one connection after another. */
class Live {
  mimeType = "";
  wantedType = "";
  bitrate = 0;
  keyframeMs = 0;
  recording = false;
  /** Nothing is sent any more. */
  finished = false;
  /** Ours, as the server told of it last. @type {Broadcast | null} */
  broadcast = null;
  /** It is another one than before. */
  anew = false;
  /** @type {Link | null} */
  link = null;
  /** @type {Source | null} */
  #source = null;
  /** @type {import("./backlog.js").Backlog | null} */
  #backlog = null;
  #since = 0;
  #listener;
  #environment;
  #broadcasts;

  /** @param {CaptureListener} listener @param {PublisherEnvironment} environment @param {() => Broadcast[]} broadcasts */
  constructor(listener, environment, broadcasts) {
    this.#listener = listener;
    this.#environment = environment;
    this.#broadcasts = broadcasts;
  }

  get stream() {
    return /** @type {Source} */ (this.#source).stream;
  }

  get frameRate() {
    return this.#source?.shape?.frameRate;
  }

  /** Whether the server has ended our broadcast. */
  get over() {
    const { id } = this.broadcast ?? {};
    return this.#broadcasts().some((one) => one.id === id && isOver(one));
  }

  /** What the server tells while there is a connection. A broadcast that is about to end is not ours. */
  news() {
    const before = this.broadcast;
    const all = this.#broadcasts();
    const same = all.find(({ id }) => id === before?.id);
    const other = all.find((one) => !isOver(one) && one.state !== "ending");
    this.broadcast = (same !== undefined && !isOver(same) ? same : other) ?? same ?? before;
    this.anew = before !== null && before.id !== this.broadcast?.id;
    return this;
  }

  /** Another second of it has gone out. */
  sent() {
    const now = this.#environment.now();
    if (this.#backlog !== null) this.#backlog.recorded += (now - this.#since) / 1000;
    this.#since = now;
  }

  /** @param {Source} source @param {number} bitrate */
  adopt(source, bitrate) {
    [this.#source, this.bitrate] = [source, bitrate];
    source.onended = (why) => source === this.#source && this.#listener.over(why);
  }

  /** @param {import("./backlog.js").Backlog} backlog in which nothing is kept; that something has begun is seen by it */
  record(backlog) {
    this.recording = true;
    this.#backlog = backlog;
    this.#since = this.#environment.now();
    backlog.begin("", this.#since);
    this.#release();
    this.#listener.recorded(0);
  }

  /** @param {Source} source @param {number} bitrate @throws {PublishError} */
  replace(source, bitrate) {
    const old = this.#source;
    if (old !== null && hasPicture(old) !== hasPicture(source)) throw new PublishError("other_media");
    this.adopt(source, bitrate);
    this.#release();
    const shown = this.link?.open ? this.link.show(source.stream).catch(() => {}) : Promise.resolve(); // the next connection has it
    if (old === null || old === source) return;
    old.onended = null;
    void shown.then(() => old.close());
  }

  /** The browser does that by itself. */
  async pace() {}

  /** @param {() => void} done */
  finish(done) {
    this.finished = true;
    this.close();
    done();
    this.link?.end();
  }

  close() {
    this.recording = false;
    this.#source?.close();
    this.#source = null;
  }

  #release() {
    const source = this.#source;
    source?.release().catch((error) => source === this.#source && this.#listener.failed(PublishError.from(error)));
  }
}

/** @param {Source} source */
function hasPicture({ stream }) {
  return stream.getVideoTracks().length > 0;
}

/** @param {() => Broadcast[]} broadcasts of the channel, newest first @param {Outside} [outside] @returns {import("./publisher.js").Builder} */
export function whipRoad(broadcasts, outside = browser()) {
  return (listener, delivery, environment) => {
    const capture = new Live(listener, environment, broadcasts);
    return {
      capture,
      delivery,
      connect: (opening) => (capture.link = capture.finished && capture.link ? capture.link : new Link(opening, capture, outside, environment)),
      health: (situation) => whipHealth(situation, capture.over),
    };
  };
}

/** @returns {Outside} */
function browser() {
  return {
    connection: () => new RTCPeerConnection(),
    fetch: (path, how) => fetch(path, how),
    codecs: () => RTCRtpSender.getCapabilities("video")?.codecs ?? [],
  };
}
