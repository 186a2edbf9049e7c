// What turns a playlist into a picture: hls.js where the browser has Media Source, or the
// browser itself where it has not (older iPhones). Both show the same face to the player.
import { withToken } from "./watch-links.js";

/** @typedef {import("./recovery.js").Failure} Failure */
/** @typedef {{ value: string, label: string }} Choice */

/**
 * @typedef {object} Engine
 * @property {() => Choice[]} qualities highest first, without "auto"
 * @property {(value: string) => void} choose "auto" or one of the qualities
 * @property {() => string} automatic what "auto" has chosen now, as a label
 * @property {() => number | null} liveEdge the position at which one watches live
 * @property {() => void} resume load again after a failure of the network
 * @property {() => void} recover start the decoder again
 * @property {() => void} destroy
 */

/**
 * What opens a private channel. The session's cookie goes by itself, but not to another port.
 * @typedef {object} Guard
 * @property {string} token of a watch link; "" without one
 * @property {() => Promise<string>} another one for who has no link and may watch all the same; "" when there is none
 */

/**
 * @callback CreateEngine
 * @param {HTMLVideoElement} video
 * @param {string} url
 * @param {{ onqualities: () => void, onfailure: (failure: Failure) => void }} events
 * @returns {Promise<Engine>}
 */

/** How far behind the newest segment one watches, in segments. */
const SYNC_SEGMENTS = 3;
const BACK_BUFFER_SECONDS = 60;

/**
 * @param {Parameters<CreateEngine>[0]} video
 * @param {string} url
 * @param {Parameters<CreateEngine>[2]} events
 * @param {Guard | null} [guard] null: the channel is public
 * @returns {Promise<Engine>}
 */
export async function createEngine(video, url, events, guard = null) {
  if (!("MediaSource" in globalThis) && !("ManagedMediaSource" in globalThis)) return guardedNative(video, url, events, guard);
  // Nobody pays for the library before there is something to play.
  const { default: Hls } = await import("/assets/vendor/hls.mjs");
  if (!Hls.isSupported()) return guardedNative(video, url, events, guard);
  return hlsEngine(Hls, video, new Address(url, guard), events);
}

/**
 * The browser sets no header for its own player: so the token stands in the address.
 * @param {HTMLVideoElement} video
 * @param {string} url
 * @param {Parameters<CreateEngine>[2]} events
 * @param {Guard | null} guard
 */
async function guardedNative(video, url, events, guard) {
  return nativeEngine(video, withToken(url, guard === null ? "" : await tokenOf(guard)), events);
}

/** @param {Guard} guard */
async function tokenOf({ token, another }) {
  return token || (await another().catch(() => ""));
}

/**
 * Where the playlist is, and what is said there. At first the token goes as a header. Where that does not
 * arrive (a browser takes it off on the way to another port), it goes in the address.
 */
export class Address {
  #url;
  #guard;
  #direct = true;

  /** @param {string} url @param {Guard | null} guard */
  constructor(url, guard) {
    this.#url = url;
    this.#guard = guard;
  }

  get url() {
    return this.#url;
  }

  /** For every request. @param {XMLHttpRequest} request @param {string} url */
  prepare(request, url) {
    if (!this.#direct || !this.#guard?.token) return;
    if (request.readyState === 0) request.open("GET", url, true); // no header before that
    request.setRequestHeader("Authorization", `Bearer ${this.#guard.token}`);
  }

  /** Another address to try when the playlist did not come: once. @returns {Promise<boolean>} whether there is one */
  async change() {
    if (!this.#direct || this.#guard === null) return false;
    this.#direct = false;
    const token = await tokenOf(this.#guard);
    this.#url = withToken(this.#url, token);
    return token !== "";
  }
}

/**
 * @param {typeof import("hls.js").default} Hls
 * @param {HTMLVideoElement} video
 * @param {Address} address
 * @param {Parameters<CreateEngine>[2]} events
 * @returns {Engine}
 */
function hlsEngine(Hls, video, address, events) {
  let over = false;
  const hls = new Hls({
    liveSyncDurationCount: SYNC_SEGMENTS,
    backBufferLength: BACK_BUFFER_SECONDS,
    capLevelToPlayerSize: true,
    enableWorker: false, // the library's own file would be fetched a second time for it
    xhrSetup: (request, url) => address.prepare(request, url),
  });
  hls.on(Hls.Events.LEVELS_UPDATED, events.onqualities);
  hls.on(Hls.Events.MANIFEST_PARSED, events.onqualities);
  hls.on(Hls.Events.LEVEL_SWITCHED, events.onqualities);
  hls.on(Hls.Events.ERROR, async (_, { fatal, type, details }) => {
    if (!fatal) return;
    const another = details === Hls.ErrorDetails.MANIFEST_LOAD_ERROR && (await address.change());
    if (over) return;
    if (another) hls.loadSource(address.url);
    else events.onfailure(failureOf(Hls, type));
  });
  hls.loadSource(address.url);
  hls.attachMedia(video);
  return {
    qualities: () => qualities(hls.levels ?? []),
    choose: (value) => choose(hls, value),
    automatic: () => (hls.autoLevelEnabled ? current(hls) : ""),
    liveEdge: () => hls.liveSyncPosition,
    resume: () => resume(hls, address.url),
    recover: () => hls.recoverMediaError(),
    destroy: () => {
      over = true;
      hls.destroy();
    },
  };
}

/** @param {import("hls.js").default} hls */
function current(hls) {
  const level = hls.levels[hls.currentLevel];
  return level === undefined ? "" : labelOf(level.height, level.bitrate, level.name);
}

/** @param {typeof import("hls.js").default} Hls @param {string} type @returns {Failure} */
function failureOf(Hls, type) {
  if (type === Hls.ErrorTypes.NETWORK_ERROR) return "network";
  return type === Hls.ErrorTypes.MEDIA_ERROR ? "media" : "other";
}

/** Without a playlist yet there is nothing to load on from. @param {import("hls.js").default} hls @param {string} url */
function resume(hls, url) {
  if (hls.levels.length === 0) hls.loadSource(url);
  else hls.startLoad();
}

/** @param {import("hls.js").default} hls @param {string} value */
function choose(hls, value) {
  hls.nextLevel = value === "auto" ? -1 : Number(value);
}

/**
 * @param {readonly { height: number, bitrate: number, name?: string | undefined }[]} levels
 * @returns {Choice[]}
 */
export function qualities(levels) {
  return levels
    .map(({ height, bitrate, name }, index) => ({ value: String(index), label: labelOf(height, bitrate, name), bitrate }))
    .sort((a, b) => b.bitrate - a.bitrate)
    .map(({ value, label }) => ({ value, label }));
}

/** @param {number} height @param {number} bitrate @param {string | undefined} name */
function labelOf(height, bitrate, name) {
  if (height > 0) return `${height}p`;
  return name || `${Math.round(bitrate / 1000)} kb/s`;
}

/** @type {(...given: Parameters<CreateEngine>) => Engine} */
function nativeEngine(video, url, events) {
  const failed = () => events.onfailure(video.error?.code === MediaError.MEDIA_ERR_NETWORK ? "network" : "other");
  const load = () => {
    video.src = url;
    video.load();
  };
  video.addEventListener("error", failed);
  load();
  return {
    qualities: () => [],
    choose: () => {},
    automatic: () => "",
    liveEdge: () => (video.seekable.length > 0 ? video.seekable.end(video.seekable.length - 1) : null),
    resume: load,
    recover: load,
    destroy: () => {
      video.removeEventListener("error", failed);
      video.removeAttribute("src");
      video.load();
    },
  };
}
