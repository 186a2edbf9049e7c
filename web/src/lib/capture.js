// From a source to the backlog: one recorder after another, without a gap between them.
import { PublishError } from "./publish-errors.js";
import { recordedType, Recorder } from "./recorder.js";
import { KEYFRAME_MS } from "./recording.js";

/** @typedef {import("./backlog.js").Backlog} Backlog */
/** @typedef {import("./backlog.js").Epoch} Epoch */
/** @typedef {import("./recorder.js").RecorderEnvironment} RecorderEnvironment */

/**
 * What is recorded: camera, screen, file or something drawn.
 * @typedef {object} Source
 * @property {MediaStream} stream
 * @property {((why: string) => void) | null} onended it is over by itself: unplugged, no longer shared, played out
 * @property {() => Promise<void>} release let it run, now that it is recorded
 * @property {(bitrate: number) => Promise<void>} [suit] a picture of a size that this bitrate is enough for
 * @property {{ frameRate: number }} [shape] that was asked for
 * @property {() => void} close
 */

/**
 * @typedef {object} CaptureListener
 * @property {(size: number) => void} recorded that many bytes more lie in the backlog; 0 when only an epoch has ended
 * @property {(why: string) => void} over the source has ended by itself
 * @property {(error: PublishError) => void} failed nothing is recorded any more
 */

/** Recorders in a row that give nothing at all: then the fault is not the recorder's. */
const MOST_FRUITLESS = 3;

/**
 * Recording goes on whether there is a connection or not. A new recorder, for another source,
 * another quality or after a stall, is a new epoch; it starts before the old one stops.
 */
export class Capture {
  /** @type {Source | null} */
  #source = null;
  /** @type {Recorder | null} */
  #recorder = null;
  /** @type {Backlog | null} */
  #backlog = null;
  /** Replaced sources, until the last piece of their recorder has come. @type {Map<Recorder, Source>} */
  #leaving = new Map();
  #bitrate = 0;
  /** From one keyframe to the next, from the next recorder on. */
  keyframeMs = KEYFRAME_MS;
  #fruitless = 0;
  /** Recorders are counted: how many there were, and the newest of those that gave something. */
  #started = 0;
  #given = 0;
  #mimeType = "";
  /** @type {(() => void) | null} */
  #onfinished = null;
  #listener;
  #environment;

  /** @param {CaptureListener} listener @param {RecorderEnvironment} environment */
  constructor(listener, environment) {
    this.#listener = listener;
    this.#environment = environment;
  }

  /** What is recorded; empty before the first piece. */
  get mimeType() {
    return this.#mimeType;
  }

  /** What will be recorded, as far as that is known before. @throws {PublishError} when this browser records nothing */
  get wantedType() {
    const source = /** @type {Source} */ (this.#source);
    return recordedType(source.stream, this.#environment.MediaRecorder);
  }

  get bitrate() {
    return this.#bitrate;
  }

  /** Whether a recorder was started and not yet stopped for good. */
  get recording() {
    return this.#backlog !== null;
  }

  /** @param {Source} source @param {number} bitrate */
  adopt(source, bitrate) {
    this.#source = source;
    this.#bitrate = bitrate;
    this.#mimeType = "";
    source.onended = (why) => source === this.#source && this.#listener.over(why);
  }

  /** A new recording begins, in a backlog of its own; one that runs ends. @param {Backlog} backlog @throws */
  record(backlog) {
    const old = this.#recorder;
    this.#backlog = backlog;
    this.#start();
    old?.stop();
  }

  /**
   * Goes on with another source, or with the same one at another bitrate, in the same recording.
   * The old one is closed as soon as its last piece is there.
   * @param {Source} source @param {number} bitrate
   * @throws {PublishError} when it cannot be recorded: then the old one goes on
   */
  replace(source, bitrate) {
    const before = { source: this.#source, bitrate: this.#bitrate, recorder: this.#recorder, mimeType: this.#mimeType };
    this.adopt(source, bitrate);
    try {
      this.#start();
    } catch (error) {
      if (before.source !== null) this.adopt(before.source, before.bitrate);
      this.#mimeType = before.mimeType;
      throw PublishError.from(error);
    }
    if (before.source !== source) this.#leave(before.source, before.recorder);
    before.recorder?.stop();
  }

  /** The same source at another bitrate, and in a size for it; where that fails it stays as it is. @param {number} bitrate */
  async pace(bitrate) {
    const source = this.#source;
    if (source === null || bitrate === this.#bitrate) return;
    if (source.suit !== undefined) await source.suit(bitrate).catch(() => {}); // then a worse picture of the same size
    if (source !== this.#source || this.#backlog === null) return;
    try {
      this.replace(source, bitrate);
    } catch {
      // said to nobody: nothing has changed
    }
  }

  /** The recording is complete; `done` after its last piece. @param {() => void} done */
  finish(done) {
    this.#onfinished = done;
    if (this.#recorder === null) return this.#finished();
    this.#recorder.stop();
  }

  /** Nothing more is wanted. */
  close() {
    const recorder = this.#recorder;
    this.#backlog = null;
    this.#recorder = null;
    this.#onfinished = null;
    recorder?.stop();
    this.#closeSources();
  }

  #start() {
    const backlog = /** @type {Backlog} */ (this.#backlog);
    const source = /** @type {Source} */ (this.#source);
    /** @type {Epoch | null} */
    let epoch = null;
    const turn = ++this.#started;
    const recorder = new Recorder(source.stream, { bitrate: this.#bitrate, keyframeMs: this.keyframeMs }, {
      data: (blob) => {
        // Its epoch would come after the next one's, or nothing is wanted of it any more.
        if (epoch === null && (turn < this.#given || backlog !== this.#backlog)) return;
        epoch ??= backlog.begin(recorder.mimeType, recorder.since);
        this.#given = Math.max(this.#given, turn);
        this.#add(backlog, epoch, blob);
      },
      failed: () => this.#failed(recorder, epoch !== null),
      stopped: () => this.#stopped(recorder, backlog, epoch),
    }, this.#environment);
    this.#recorder = recorder;
    // One that is replaced meanwhile cannot play any more, and need not.
    source.release().catch((error) => source === this.#source && this.#listener.failed(PublishError.from(error)));
  }

  /** @param {Backlog} backlog @param {Epoch} epoch @param {Blob} blob */
  #add(backlog, epoch, blob) {
    backlog.add(epoch, blob, this.#environment.now());
    if (backlog !== this.#backlog) return;
    this.#fruitless = 0;
    this.#mimeType = epoch.mime;
    this.#listener.recorded(blob.size);
  }

  /** The next recorder takes over. @param {Recorder} recorder @param {boolean} fruitful */
  #failed(recorder, fruitful) {
    if (recorder !== this.#recorder || this.#backlog === null) return;
    if (!fruitful) this.#fruitless += 1;
    if (this.#fruitless >= MOST_FRUITLESS) return this.#listener.failed(new PublishError("recorder_failed"));
    try {
      this.#start();
    } catch (error) {
      this.#listener.failed(PublishError.from(error));
    }
  }

  /** @param {Recorder} recorder @param {Backlog} backlog @param {Epoch | null} epoch */
  #stopped(recorder, backlog, epoch) {
    if (epoch !== null) backlog.end(epoch);
    this.#leaving.get(recorder)?.close();
    this.#leaving.delete(recorder);
    if (recorder === this.#recorder) this.#recorder = null;
    if (backlog === this.#backlog) this.#listener.recorded(0);
    if (this.#recorder === null) this.#finished();
  }

  #finished() {
    const done = this.#onfinished;
    if (done === null) return;
    this.#onfinished = null;
    this.#closeSources();
    done();
  }

  /** @param {Source | null} source @param {Recorder | null} recorder its last one */
  #leave(source, recorder) {
    if (source === null) return;
    source.onended = null;
    if (recorder === null) return source.close();
    this.#leaving.set(recorder, source);
  }

  #closeSources() {
    for (const source of [this.#source, ...this.#leaving.values()]) source?.close();
    this.#leaving.clear();
    this.#source = null;
  }
}
