// One life of the browser's recorder. It gives pieces until it is stopped, or until it fails.
import { chooseType, KEYFRAME_MS, recorderOptions, TIMESLICE_MS } from "./recording.js";
import { PublishError } from "./publish-errors.js";

/** @typedef {{ MediaRecorder: typeof MediaRecorder, now: () => number, setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number) => void }} RecorderEnvironment */

/**
 * @typedef {object} RecorderListener
 * @property {(blob: Blob) => void} data never empty; its edges mean nothing
 * @property {() => void} stopped after the last piece; once, whatever the reason
 * @property {() => void} failed it gave nothing for too long, or gave up; `stopped` follows
 */

const WATCH_MS = 1000;
const STALL_MS = 5000; // ten times as long as the longest wait that was measured
const STALL_MP4_MS = 12_000; // its recorder hands nothing over between keyframes
const STOP_MS = 2000; // from our wish to the last piece; a stalled recorder may never give one

/** A recorder that has started. Its times run from 0, and its first bytes are an init segment. */
export class Recorder {
  /** @type {"recording" | "stopping" | "stopped"} */
  #state = "recording";
  #timer = 0;
  #heardAt;
  #recorder;
  #listener;
  #environment;

  /**
   * @param {MediaStream} stream @param {{ bitrate: number, keyframeMs?: number }} wanted of the video; bits per second
   * @param {RecorderListener} listener @param {RecorderEnvironment} environment
   * @throws {PublishError} when this browser cannot record that
   */
  constructor(stream, { bitrate, keyframeMs = KEYFRAME_MS }, listener, environment) {
    const type = recordedType(stream, environment.MediaRecorder);
    this.#listener = listener;
    this.#environment = environment;
    this.since = environment.now();
    this.#heardAt = this.since;
    this.#recorder = new environment.MediaRecorder(stream, recorderOptions(type, bitrate, keyframeMs));
    this.#recorder.ondataavailable = ({ data }) => this.#data(data);
    this.#recorder.onerror = () => this.#fail();
    this.#recorder.onstop = () => this.#stopped();
    this.#recorder.start(TIMESLICE_MS);
    this.#watch();
  }

  /** What it really records, which is known for certain once it has given something. */
  get mimeType() {
    return this.#recorder.mimeType;
  }

  /** The last piece comes first, and then `stopped`. */
  stop() {
    if (this.#state !== "recording") return;
    this.#state = "stopping";
    this.#after(STOP_MS, () => this.#stopped());
    if (this.#recorder.state === "inactive") return this.#stopped();
    this.#recorder.stop();
  }

  /** @param {Blob} blob */
  #data(blob) {
    if (this.#state === "stopped" || blob.size === 0) return;
    this.#heardAt = this.#environment.now();
    this.#listener.data(blob);
  }

  #watch() {
    const patience = this.mimeType.includes("mp4") ? STALL_MP4_MS : STALL_MS;
    this.#after(WATCH_MS, () => {
      if (this.#environment.now() - this.#heardAt >= patience) return this.#fail();
      this.#watch();
    });
  }

  #fail() {
    if (this.#state !== "recording") return;
    this.#listener.failed();
    this.stop();
  }

  /** Nobody asked it to, when all its tracks have ended. */
  #stopped() {
    if (this.#state === "stopped") return;
    const asked = this.#state === "stopping";
    this.#state = "stopped";
    this.#environment.clearTimeout(this.#timer);
    if (!asked) this.#listener.failed();
    this.#listener.stopped();
  }

  /** @param {number} ms @param {() => void} run */
  #after(ms, run) {
    this.#environment.clearTimeout(this.#timer);
    this.#timer = this.#environment.setTimeout(run, ms);
  }
}

/** @param {MediaStream} stream @param {typeof MediaRecorder} recorder @throws {PublishError} */
export function recordedType(stream, recorder) {
  const hasVideo = stream.getVideoTracks().length > 0;
  const type = chooseType(hasVideo, (candidate) => recorder.isTypeSupported(candidate));
  if (type === null) throw new PublishError("no_recorder");
  return type;
}
