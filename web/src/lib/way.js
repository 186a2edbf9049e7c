// The way to the server, in figures: what was recorded for it, what it has carried, and which bitrate it bears.
import { RateMeter } from "./flow.js";
import { Tally } from "./tally.js";
import { Upload } from "./upload.js";

/** @typedef {import("./types.js").Status} Status */

/** Of one broadcast, across its connections. */
export class Way {
  #meter = new RateMeter();
  #tally = new Tally();
  #upload;
  #environment;

  /** @param {number} bitrate that is wanted @param {{ now: () => number }} environment */
  constructor(bitrate, environment) {
    this.#upload = new Upload(bitrate);
    this.#environment = environment;
  }

  /** @param {number} size bytes */
  recorded(size) {
    this.#meter.add(this.#environment.now(), size);
  }

  /** @param {number} bytes */
  sent(bytes) {
    this.#tally.sent(bytes);
  }

  /** @param {number} bytes that are kept no more @param {number} left seconds that are not safe */
  acked(bytes, left) {
    this.#upload.acked(this.#environment.now(), bytes);
    this.#tally.acked(bytes, left);
  }

  /** Another connection. @param {string | null} broadcast @param {number} segment seconds; 0: not known */
  ready(broadcast, segment) {
    this.#tally.ready(broadcast, segment);
    this.#upload.reset();
  }

  /** @param {Status} status @param {number} unsafe seconds that are not in the playlist */
  heard({ state, latency, broadcast = "" }, unsafe) {
    this.#tally.ready(broadcast, this.#tally.segmentSeconds);
    if (state === "live") this.#upload.note(this.#environment.now(), unsafe - (latency ?? 0));
  }

  /** Another bitrate, when it is time for one. */
  next() {
    return this.#upload.next(this.#environment.now());
  }

  /**
   * Another wish. What the way does not bear is not tried again with every source.
   * @param {number} bitrate @param {(bitrate: number) => void} record at what it bears of that; where it throws, nothing has changed
   */
  want(bitrate, record) {
    const upload = bitrate === this.#upload.wanted ? this.#upload : new Upload(bitrate);
    record(upload.bitrate);
    this.#upload = upload;
  }

  /** It is over. @param {number} seconds that stand in no playlist */
  lost(seconds) {
    this.#tally.lost(seconds);
  }

  get figures() {
    const { sentBytes, safeBytes, lagSeconds, lostSeconds, broadcasts, segmentSeconds } = this.#tally;
    const { slow, wanted: wantedBitrate, lowered, measured: measuredUpload } = this.#upload;
    const { total: bytes } = this.#meter;
    const bitsPerSecond = this.#meter.bitsPerSecond(this.#environment.now());
    return { bytes, bitsPerSecond, sentBytes, safeBytes, lagSeconds, lostSeconds, broadcasts, segmentSeconds, slow, wantedBitrate, lowered, measuredUpload };
  }
}
