// One connection to the server, from its opening to its end, in the resumable protocol.

/** @typedef {import("./backlog.js").Chunk} Chunk */
/** @typedef {import("./backlog.js").Piece} Piece */
/** @typedef {import("./backlog.js").Place} Place */
/** @typedef {import("./types.js").Status} Status */

/** The protocol's name. A token goes beside it, see `subprotocols`. */
export const PROTOCOL = "ingestd.v1";

/** @typedef {{ type: "start", mime: string, title: string, takeover: boolean } | { type: "resume", broadcast: string, epoch: number, offset: number }} Hello */

/** `broadcast`: null where it is not known yet. `resume_window`: seconds for which the broadcast waits when the connection is lost. `segment`: seconds of one in the playlist. `clock`: it answers to our clock. @typedef {{ broadcast: string | null, epoch: number, offset: number, resume_window?: number, segment?: number, clock?: boolean }} Ready */

/** All before is safe. `mediaTime`: seconds of that epoch that stand in the playlist. @typedef {{ epoch: number, offset: number, mediaTime: number }} Ack */

/**
 * Where the bytes come from.
 * @typedef {object} Supply
 * @property {(place: Place) => Piece | null} at
 * @property {(chunk: Chunk) => Promise<Blob>} read
 * @property {(epoch: number) => number | null} since ms at which its recorder was started
 */

/**
 * How a connection ended.
 * @typedef {object} Closing
 * @property {number} code a WebSocket close code, or one of ours below
 * @property {string} reason
 * @property {{ code: string, message: string, retryAfter: number } | null} error what the server
 *   said before it; in `retryAfter` seconds it may be asked again, 0 where it does not say
 * @property {Hello["type"]} hello
 * @property {boolean} greeted our first message had been sent
 * @property {boolean} ready the server had answered it
 * @property {import("./closing.js").Verdict} [verdict] where that is clear already
 */

/**
 * What a connection tells. Nothing is told after `closed` or `ended`, nor after `drop`.
 * @typedef {object} Listener
 * @property {(ready: Ready) => void} ready
 * @property {(ack: Ack) => void} ack
 * @property {(status: Status) => void} status
 * @property {(words?: string) => void} ended `words`: what there is to say of it
 * @property {(closing: Closing) => void} closed
 * @property {(bytes: number) => void} [sent] of the recording, into the browser's hands
 * @property {(words: string) => void} [noticed] what has happened to the broadcast
 */

/** @typedef {{ WebSocket: typeof WebSocket, now: () => number, setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number) => void }} ConnectionEnvironment */

/** Our own close codes, in the range that is left to applications. */
export const SILENT_CODE = 4901; // the server said nothing for too long
export const GAP_CODE = 4904; // it asks for bytes that are not here
export const GARBLED_CODE = 4902; // it said what nobody understands
export const UNREADABLE_CODE = 4903; // the browser's database does not give back what it was given
const DROPPED_CODE = 4001; // we go away; the broadcast waits for us

const READY_MS = 8000; // from opening a socket to the server's `ready`
const SILENCE_MS = 6000; // the server says how things are each second
const WATCH_MS = 1000;
const FULL_BYTES = 1_000_000; // in the browser's hands; what is more waits in the backlog
const FULL_POLL_MS = 50;
const PIECE_BYTES = 1_000_000; // in one message; the server takes 16 MiB
const CLOCK_MS = 1000; // from one comparison of clocks to the next
const MOST_RETRY_SECONDS = 3600;

/**
 * It sends what the supply holds, in order, from the place that the server named, and never more
 * than a megabyte ahead of the network. It does not try again: another connection does.
 */
export class Connection {
  /** @type {"opening" | "greeting" | "open" | "over"} */
  #state = "opening";
  /** @type {Place} */
  #place = { epoch: 0, offset: 0 };
  #stopSent = false;
  #reading = false;
  #heardAt = 0;
  #watch = 0;
  #poll = 0;
  /** When the server is to be told our clock; never, where it does not answer. */
  #clockDue = Infinity;
  /** What it was told last, in seconds. @type {number | null} */
  #clockSent = null;
  /** When it answered that. @type {number | null} */
  #clockHeard = null;
  /** @type {Closing["error"]} */
  #error = null;
  #socket;
  #hello;
  #supply;
  #listener;
  #environment;

  /**
   * @param {{ url: string, protocols: string[], hello: Hello, supply: Supply, listener: Listener }} options
   * @param {ConnectionEnvironment} environment
   * @throws for a token that cannot stand in a header
   */
  constructor({ url, protocols, hello, supply, listener }, environment) {
    this.#hello = hello;
    this.#supply = supply;
    this.#listener = listener;
    this.#environment = environment;
    const socket = new environment.WebSocket(url, [PROTOCOL, ...protocols]);
    this.#socket = socket;
    socket.onopen = () => this.#greet();
    socket.onmessage = ({ data }) => this.#heard(data);
    socket.onclose = ({ code, reason }) => this.#over(code, reason);
    this.#watch = environment.setTimeout(() => this.#over(SILENT_CODE, ""), READY_MS);
  }

  get open() {
    return this.#state === "open";
  }

  /** Bytes that wait in the browser's hands. */
  get waiting() {
    return this.#socket.bufferedAmount;
  }

  /** Sends what has come to the supply meanwhile. */
  pump() {
    while (this.#state === "open" && !this.#reading) {
      if (this.#socket.bufferedAmount > FULL_BYTES) return this.#pumpLater();
      const piece = this.#supply.at(this.#place);
      if (piece === null || this.#stopSent) return;
      this.#send(piece);
    }
  }

  /** The page goes away for good: there is no time for anything but to say so. */
  leave() {
    if (this.#state === "open" && !this.#stopSent) this.#say({ type: "stop" });
  }

  /** Without a word to the listener: it has decided so itself. */
  drop() {
    this.#release();
    this.#socket.close(DROPPED_CODE, "dropped");
  }

  /** A server that took another protocol than ours says why in its close code. */
  #greet() {
    if (this.#state !== "opening" || this.#socket.protocol !== PROTOCOL) return;
    this.#state = "greeting";
    this.#say(this.#hello);
  }

  /** @param {object} message */
  #say(message) {
    this.#socket.send(JSON.stringify(message));
  }

  /** @param {unknown} data */
  #heard(data) {
    if (this.#state === "over") return;
    this.#heardAt = this.#environment.now();
    const message = parse(data);
    if (message === null) return this.#over(GARBLED_CODE, "");
    this.#take(message);
  }

  /** What a newer server may say besides is passed over. @param {any} message */
  #take(message) {
    switch (message.type) {
      case "ready":
        return this.#ready(message);
      case "ack":
        return this.#listener.ack(this.#bounded({ epoch: message.epoch, offset: message.offset, mediaTime: message.media_time ?? 0 }));
      case "status":
        return this.#listener.status(message);
      case "clock":
        // where the way is long answers to what was said earlier come in between
        if (message.sent === this.#clockSent) this.#clockHeard ??= this.#heardAt;
        return;
      case "error":
        this.#error = { code: String(message.code), message: String(message.message), retryAfter: seconds(message.retry_after) };
        return;
      case "ended":
        return this.#ended();
    }
  }

  /** @param {Ready} ready */
  #ready(ready) {
    if (this.#state !== "greeting") return;
    this.#state = "open";
    this.#place = { epoch: ready.epoch, offset: ready.offset };
    if (ready.clock) this.#clockDue = 0;
    this.#environment.clearTimeout(this.#watch);
    this.#watchSilence();
    this.#listener.ready(ready);
    this.pump();
  }

  /** What it has asked for and not yet got is kept, whatever it says. @param {Ack} ack @returns {Ack} */
  #bounded(ack) {
    const { epoch, offset } = this.#place;
    const beyond = ack.epoch > epoch || (ack.epoch === epoch && ack.offset > offset);
    return beyond ? { epoch, offset, mediaTime: 0 } : ack;
  }

  #ended() {
    this.#release();
    this.#socket.close(1000);
    this.#listener.ended();
  }

  #watchSilence() {
    this.#watch = this.#environment.setTimeout(() => {
      if (this.#environment.now() - this.#heardAt >= SILENCE_MS) return this.#over(SILENT_CODE, "");
      this.#watchSilence();
    }, WATCH_MS);
  }

  #pumpLater() {
    this.#environment.clearTimeout(this.#poll);
    this.#poll = this.#environment.setTimeout(() => this.pump(), FULL_POLL_MS);
  }

  /** @param {Piece} piece */
  #send(piece) {
    switch (piece.kind) {
      case "bytes":
        return piece.chunk.blob === null ? this.#fetch(piece.chunk, piece.skip) : this.#transmit(piece.chunk.blob, piece.skip);
      case "epoch":
        this.#place = { epoch: piece.epoch.number, offset: 0 };
        return this.#say({ type: "epoch", epoch: piece.epoch.number, mime: piece.epoch.mime });
      case "stop":
        this.#stopSent = true;
        return this.#say({ type: "stop" });
      case "gap":
        return this.#over(GAP_CODE, "");
    }
  }

  /** @param {Blob} blob @param {number} skip bytes of it that are not wanted */
  #transmit(blob, skip) {
    const piece = skip === 0 && blob.size <= PIECE_BYTES ? blob : blob.slice(skip, skip + PIECE_BYTES);
    this.#place.offset += piece.size;
    this.#socket.send(piece);
    this.#listener.sent?.(piece.size);
    this.#tellClock();
  }

  /** So that the server can say how old a picture is that viewers get. Between two pieces, so that it is clear of which epoch it speaks. */
  #tellClock() {
    const now = this.#environment.now();
    if (now < this.#clockDue) return;
    this.#clockDue = now + CLOCK_MS;
    const heard = inSeconds(this.#clockHeard);
    [this.#clockSent, this.#clockHeard] = [now / 1000, null];
    this.#say({ type: "clock", sent: this.#clockSent, heard, began: inSeconds(this.#supply.since(this.#place.epoch)) });
  }

  /** It lies in the database. Nothing else is sent meanwhile. @param {Chunk} chunk @param {number} skip */
  #fetch(chunk, skip) {
    this.#reading = true;
    const found = (/** @type {Blob} */ blob) => {
      this.#reading = false;
      if (this.#state !== "open") return;
      this.#transmit(blob, skip);
      this.pump();
    };
    this.#supply.read(chunk).then(found, () => this.#over(UNREADABLE_CODE, ""));
  }

  /** The one way out that nobody wished for. @param {number} code @param {string} reason */
  #over(code, reason) {
    if (this.#state === "over") return;
    const ready = this.#state === "open";
    const greeted = ready || this.#state === "greeting";
    this.#release();
    this.#socket.close(DROPPED_CODE, "lost");
    this.#listener.closed({ code, reason, error: this.#error, hello: this.#hello.type, greeted, ready });
  }

  #release() {
    this.#state = "over";
    this.#environment.clearTimeout(this.#watch);
    this.#environment.clearTimeout(this.#poll);
  }
}

/** @param {number | null} ms */
function inSeconds(ms) {
  return ms === null ? null : ms / 1000;
}

/** @param {unknown} value */
function seconds(value) {
  return typeof value === "number" && value > 0 ? Math.min(value, MOST_RETRY_SECONDS) : 0;
}

/** @param {unknown} data @returns {{ type?: unknown } | null} */
function parse(data) {
  try {
    const message = JSON.parse(String(data));
    return message !== null && typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}
