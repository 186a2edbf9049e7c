// A socket, a recorder and a source that do what a test says.
import { FakeClock } from "./clock.js";

export class FakeSocket {
  /** @type {FakeSocket[]} */
  static all = [];
  bufferedAmount = 0;
  /** @type {number[]} */
  sent = [];
  /** @type {{ code: number, reason: string } | null} */
  closedWith = null;
  /** @type {() => void} */
  onopen = () => {};
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

  /** @param {{ size: number }} data */
  send(data) {
    this.sent.push(data.size);
  }

  /** @param {number} code @param {string} reason */
  close(code, reason) {
    this.closedWith ??= { code, reason };
  }
}

export class FakeRecorder {
  /** @type {FakeRecorder[]} */
  static all = [];
  state = "inactive";
  /** @type {(event: { data: { size: number } }) => void} */
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
    this.state = "recording";
  }

  /** Like a real one: the last piece comes first, and then the news that it has stopped. */
  stop() {
    this.state = "inactive";
    this.ondataavailable({ data: { size: 7 } });
    this.onstop();
  }

  /** @param {number} size */
  give(size) {
    this.ondataavailable({ data: { size } });
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

  hold() {
    this.calls.push("hold");
  }

  close() {
    this.calls.push("close");
  }
}

/** @returns {{ clock: FakeClock, environment: import("../lib/publisher.js").PublisherEnvironment }} */
export function fakePublishing() {
  FakeSocket.all = [];
  FakeRecorder.all = [];
  const clock = new FakeClock();
  const { now, random, setTimeout, clearTimeout } = clock;
  const classes = /** @type {{ WebSocket: any, MediaRecorder: any }} */ ({ WebSocket: FakeSocket, MediaRecorder: FakeRecorder });
  return { clock, environment: { ...classes, now, random, setTimeout, clearTimeout } };
}
