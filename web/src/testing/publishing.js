// A socket, a recorder, a source and a store that do what a test says.
import { FakeClock } from "./clock.js";

export class FakeSocket {
  /** @type {FakeSocket[]} */
  static all = [];
  bufferedAmount = 0;
  protocol = "";
  /** @type {(object | Blob)[]} */
  sent = [];
  /** @type {{ code: number, reason: string } | null} */
  closedWith = null;
  /** @type {() => void} */
  onopen = () => {};
  /** @type {(event: { data: string }) => void} */
  onmessage = () => {};
  /** @type {(event: { code: number, reason: string }) => void} */
  onclose = () => {};

  /** @param {string} url @param {string[]} protocols */
  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }

  static get last() {
    return /** @type {FakeSocket} */ (FakeSocket.all.at(-1));
  }

  /** What was sent, but for the bytes. @returns {any[]} */
  get words() {
    return this.sent.filter((message) => !(message instanceof Blob));
  }

  /** The bytes that were sent, as text. */
  async bytes() {
    return new Blob(this.sent.filter((message) => message instanceof Blob)).text();
  }

  /** Everything in order, bytes as text. */
  async transcript() {
    return Promise.all(this.sent.map((message) => (message instanceof Blob ? message.text() : message)));
  }

  /** @param {string | Blob} data */
  send(data) {
    this.sent.push(typeof data === "string" ? JSON.parse(data) : data);
  }

  /** @param {number} code @param {string} reason */
  close(code, reason) {
    this.closedWith ??= { code, reason };
  }

  open() {
    this.protocol = this.protocols[0] ?? "";
    this.onopen();
  }

  /** @param {object} message */
  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  /** @param {number} epoch @param {number} offset @param {string} broadcast */
  ready(epoch = 0, offset = 0, broadcast = "b1") {
    this.open();
    this.say({ type: "ready", broadcast, epoch, offset, resume_window: 60, segment: 1 });
  }

  /** @param {object} [changes] */
  status(changes = {}) {
    this.say({ type: "status", state: "live", message: "Live.", speed: 1, fps: 30, renditions: ["720p"], dropped: [], viewers: null, latency: 1, media_time: 0, restarts: 0, ...changes });
  }

  /** @param {number} code @param {string} [reason] */
  lose(code, reason = "") {
    this.onclose({ code, reason });
  }
}

export class FakeRecorder {
  /** @type {FakeRecorder[]} */
  static all = [];
  /** Every recorder that is made from now on refuses to start. */
  static refuses = false;
  state = "inactive";
  /** What comes with its stop. */
  tail = "";
  /** It does not answer to `stop` any more. */
  stuck = false;
  /** @type {(event: { data: Blob }) => void} */
  ondataavailable = () => {};
  onstop = () => {};
  onerror = () => {};

  /** @param {unknown} stream @param {MediaRecorderOptions} options */
  constructor(stream, options) {
    this.stream = stream;
    this.options = options;
    this.mimeType = options.mimeType ?? "";
    FakeRecorder.all.push(this);
  }

  static get last() {
    return /** @type {FakeRecorder} */ (FakeRecorder.all.at(-1));
  }

  /** @param {string} type */
  static isTypeSupported(type) {
    return type.startsWith("video/webm") || type.startsWith("audio/webm");
  }

  start() {
    if (FakeRecorder.refuses) throw new DOMException("no", "NotSupportedError");
    this.state = "recording";
  }

  /** Like a real one: the last piece comes first, and then the news that it has stopped. */
  stop() {
    this.state = "inactive";
    if (this.stuck) return;
    this.give(this.tail);
    this.onstop();
  }

  /** @param {string | number} what text, or that many bytes */
  give(what) {
    this.ondataavailable({ data: new Blob([typeof what === "string" ? what : new Uint8Array(what)]) });
  }
}

export class FakeSource {
  /** @type {string[]} */
  calls = [];
  /** @type {((why: string) => void) | null} */
  onended = null;
  stream = /** @type {MediaStream} */ (/** @type {unknown} */ ({ getVideoTracks: () => [{}] }));

  async release() {
    this.calls.push("release");
  }

  close() {
    this.calls.push("close");
  }
}

/** A store in memory. @implements {BlobStore} @typedef {import("../lib/vault.js").BlobStore} BlobStore */
export class FakeStore {
  /** @type {Map<number, Blob>} */
  held = new Map();
  /** Bytes that it takes; one more is over its quota. */
  quota = Infinity;

  get bytes() {
    return [...this.held.values()].reduce((sum, blob) => sum + blob.size, 0);
  }

  /** @param {[number, Blob][]} entries */
  async put(entries) {
    const size = entries.reduce((sum, [, blob]) => sum + blob.size, 0);
    if (this.bytes + size > this.quota) throw new DOMException("full", "QuotaExceededError");
    for (const [key, blob] of entries) this.held.set(key, blob);
  }

  /** @param {number} key */
  async get(key) {
    const blob = this.held.get(key);
    if (blob === undefined) throw new Error("not there");
    return blob;
  }

  /** @param {number[]} keys */
  async remove(keys) {
    for (const key of keys) this.held.delete(key);
  }
}

/** @returns {{ clock: FakeClock, store: FakeStore, environment: import("../lib/environment.js").PublisherEnvironment }} */
export function fakePublishing() {
  FakeSocket.all = [];
  FakeRecorder.all = [];
  FakeRecorder.refuses = false;
  const clock = new FakeClock();
  const store = new FakeStore();
  const { now, random, setTimeout, clearTimeout } = clock;
  const classes = /** @type {{ WebSocket: any, MediaRecorder: any }} */ ({ WebSocket: FakeSocket, MediaRecorder: FakeRecorder });
  return { clock, store, environment: { ...classes, now, random, setTimeout, clearTimeout, openStore: async () => store } };
}
