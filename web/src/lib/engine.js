// What turns a playlist into a picture: hls.js where the browser has Media Source, or the
// browser itself where it has not (older iPhones). Both show the same face to the player.

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
 * @callback CreateEngine
 * @param {HTMLVideoElement} video
 * @param {string} url
 * @param {{ onqualities: () => void, onfailure: (failure: Failure) => void }} events
 * @returns {Promise<Engine>}
 */

/** How far behind the newest segment one watches, in segments. */
const SYNC_SEGMENTS = 3;
const BACK_BUFFER_SECONDS = 60;

/** @type {CreateEngine} */
export async function createEngine(video, url, events) {
  if (!("MediaSource" in globalThis) && !("ManagedMediaSource" in globalThis)) return nativeEngine(video, url, events);
  // Nobody pays for the library before there is something to play.
  const { default: Hls } = await import("/assets/vendor/hls.mjs");
  if (!Hls.isSupported()) return nativeEngine(video, url, events);
  return hlsEngine(Hls, video, url, events);
}

/**
 * @param {typeof import("hls.js").default} Hls
 * @param {HTMLVideoElement} video
 * @param {string} url
 * @param {Parameters<CreateEngine>[2]} events
 * @returns {Engine}
 */
function hlsEngine(Hls, video, url, events) {
  const hls = new Hls({
    liveSyncDurationCount: SYNC_SEGMENTS,
    backBufferLength: BACK_BUFFER_SECONDS,
    capLevelToPlayerSize: true,
    enableWorker: false, // the library's own file would be fetched a second time for it
  });
  hls.on(Hls.Events.LEVELS_UPDATED, events.onqualities);
  hls.on(Hls.Events.MANIFEST_PARSED, events.onqualities);
  hls.on(Hls.Events.LEVEL_SWITCHED, events.onqualities);
  hls.on(Hls.Events.ERROR, (_, { fatal, type }) => {
    if (fatal) events.onfailure(failureOf(Hls, type));
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  return {
    qualities: () => qualities(hls.levels ?? []),
    choose: (value) => choose(hls, value),
    automatic: () => (hls.autoLevelEnabled ? current(hls) : ""),
    liveEdge: () => hls.liveSyncPosition,
    resume: () => resume(hls, url),
    recover: () => hls.recoverMediaError(),
    destroy: () => hls.destroy(),
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
