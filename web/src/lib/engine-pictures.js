// Small pictures of other moments: a second player of the smallest rendition, out of sight, which
// loads nothing but the one segment that is asked for.
const WIDTH = 320;
const PATIENCE_MS = 5000;

/** @typedef {import("hls.js").default} Hls */
/** @typedef {import("hls.js").LevelDetails} LevelDetails */

export class HlsPictures {
  #video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto" });
  /** @type {Hls | null} */
  #hls = null;
  #Hls;
  #url;
  #config;

  /** @param {typeof import("hls.js").default} Hls @param {string} url @param {Partial<import("hls.js").HlsConfig>} config what every player of ours has in common */
  constructor(Hls, url, config) {
    this.#Hls = Hls;
    this.#url = url;
    this.#config = config;
  }

  /** What was shown then; null: it cannot be had. Not to be called before the last one is answered. @param {number} date milliseconds since 1970 */
  async grab(date) {
    const hls = (this.#hls ??= this.#begin());
    try {
      hls.startLoad();
      const position = await this.#positionOf(hls, date);
      if (position === null) return null;
      await this.#goTo(position);
      return await createImageBitmap(this.#video, { resizeWidth: WIDTH, resizeHeight: this.#height() });
    } catch {
      return null; // a picture less is no reason to say anything
    } finally {
      hls.stopLoad();
    }
  }

  destroy() {
    this.#hls?.destroy();
    this.#hls = null;
  }

  #begin() {
    const hls = new this.#Hls({
      ...this.#config,
      autoStartLoad: false,
      startLevel: 0, // they are in order: the smallest
      maxBufferLength: 1,
      maxMaxBufferLength: 2,
      backBufferLength: 10,
      lowLatencyMode: false,
    });
    hls.on(this.#Hls.Events.MANIFEST_PARSED, () => {
      hls.autoLevelCapping = 0;
      hls.startLoad();
    });
    hls.loadSource(this.#url);
    hls.attachMedia(this.#video);
    return hls;
  }

  /** Each player counts its own seconds; the dates are the same for all. @param {Hls} hls @param {number} date */
  async #positionOf(hls, date) {
    const known = find(hls.latestLevelDetails, date);
    if (known !== null) return known;
    const { promise, stop } = this.#within((done) => hls.once(this.#Hls.Events.LEVEL_UPDATED, done));
    await promise.finally(stop);
    return find(hls.latestLevelDetails, date);
  }

  /** @param {number} position */
  async #goTo(position) {
    const video = this.#video;
    const { promise, stop } = this.#within((done) => video.addEventListener("seeked", done, { once: true }));
    video.currentTime = position;
    await promise.finally(stop);
  }

  /** @param {(done: () => void) => void} listen */
  #within(listen) {
    let timer = 0;
    const promise = new Promise((done, fail) => {
      listen(() => done(undefined));
      timer = window.setTimeout(() => fail(new Error("it took too long")), PATIENCE_MS);
    });
    return { promise, stop: () => clearTimeout(timer) };
  }

  #height() {
    const { videoWidth, videoHeight } = this.#video;
    return Math.max(1, Math.round((WIDTH * videoHeight) / videoWidth));
  }
}

/** @param {LevelDetails | null} details @param {number} date */
function find(details, date) {
  for (const { programDateTime, duration, start } of details?.fragments ?? []) {
    const into = (date - (programDateTime ?? Infinity)) / 1000;
    if (into >= 0 && into < duration) return start + into;
  }
  return null;
}
