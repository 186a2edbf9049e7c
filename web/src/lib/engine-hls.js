// hls.js, as the player uses it.
import { HlsPictures } from "./engine-pictures.js";
import { preferences } from "./store.js";

/** @typedef {import("hls.js").default} Hls */
/** @typedef {import("./address.js").Address} Address */
/** @typedef {import("./engine.js").Choice} Choice */
/** @typedef {import("./engine.js").Engine} Engine */
/** @typedef {import("./recovery.js").Failure} Failure */

const BACK_BUFFER_SECONDS = 60;
const LEAVING_SECONDS = 6; // of a window that slides: nobody is sent there
const FIRST_GUESS = 1_000_000; // bits a second, where nothing is remembered
const CAREFUL = 0.7; // of what went the last time: that may have been another network

/**
 * What every player of ours has in common.
 * @param {Address} address
 * @returns {Partial<import("hls.js").HlsConfig>}
 */
function common(address) {
  return {
    enableWorker: false, // the library's own file would be fetched a second time for it
    testBandwidth: false, // it would load the first segment twice: once to measure, once to show
    xhrSetup: (request, url) => address.prepare(request, url),
  };
}

/** @param {Address} address @returns {Partial<import("hls.js").HlsConfig>} */
function playing(address) {
  return {
    ...common(address),
    backBufferLength: BACK_BUFFER_SECONDS,
    capLevelToPlayerSize: true,
    liveDurationInfinity: true, // so that the browser knows what is live, and where the window begins
    liveSyncOnStallIncrease: 0, // how far behind, and how fast, is the player's own matter (pace.js)
    maxLiveSyncPlaybackRate: 1,
    startFragPrefetch: true,
    abrEwmaDefaultEstimate: Math.max(FIRST_GUESS / 2, CAREFUL * Number(preferences.get("bandwidth") ?? FIRST_GUESS / CAREFUL)),
    preferManagedMediaSource: hasAirPlay(), // the only one that can stand beside an address for AirPlay
  };
}

/**
 * The library is at first the small one, which plays no sound that has a playlist of its own; `whole` loads
 * the one that does.
 * @param {typeof import("hls.js").default} Hls
 * @param {HTMLVideoElement} video
 * @param {Address} address
 * @param {import("./engine.js").EngineEvents} events
 * @param {() => Promise<typeof import("hls.js").default>} whole
 * @returns {Engine}
 */
export function hlsEngine(Hls, video, address, events, whole) {
  let over = false;
  /** @type {(() => void) | null} */
  let airPlay = null;
  /** @param {typeof Hls} Library */
  const begin = (Library) => {
    const made = new Library(playing(address));
    made.on(Library.Events.LEVELS_UPDATED, events.onqualities);
    made.on(Library.Events.MANIFEST_PARSED, events.onqualities);
    made.on(Library.Events.LEVEL_SWITCHED, () => {
      remember(made);
      events.onqualities();
    });
    made.on(Library.Events.ERROR, async (_, { fatal, type, details, response }) => {
      if (!fatal) return;
      const another = details === Library.ErrorDetails.MANIFEST_LOAD_ERROR && (await address.change());
      if (over || made !== hls) return;
      if (another) made.loadSource(address.url);
      else events.onfailure(failureOf(Library, type, response?.code));
    });
    if (Library === Hls) made.on(Library.Events.MANIFEST_LOADED, (_, { audioTracks }) => exchange(audioTracks));
    made.loadSource(address.url);
    made.attachMedia(video);
    airPlay = hasAirPlay() ? offerAirPlay(Library, made, video, address) : null;
    return made;
  };
  /** @param {readonly unknown[]} apart renditions of sound */
  const exchange = async (apart) => {
    if (apart.length === 0) return;
    const Library = await whole().catch(() => null);
    if (over) return;
    if (!Library) return events.onfailure("network");
    airPlay?.();
    hls.destroy();
    hls = begin(Library);
  };
  let hls = begin(Hls);
  return {
    qualities: () => qualities(hls.levels ?? []),
    choose: (value) => choose(hls, value),
    automatic: () => (hls.autoLevelEnabled ? current(hls) : ""),
    liveEdge: () => (details(hls)?.live ? hls.liveSyncPosition : null),
    behind: () => behind(hls, video),
    window: () => span(hls, video),
    keepBehind: (seconds) => (hls.targetLatency = seconds),
    segment: () => details(hls)?.targetduration ?? 0,
    dateAt: (position) => dateAt(hls, position),
    address: () => address.portable,
    pictures: () => new HlsPictures(Hls, address.url, common(address)),
    resume: () => resume(hls, address.url),
    recover: () => hls.recoverMediaError(),
    destroy: () => {
      over = true;
      remember(hls);
      airPlay?.();
      hls.destroy();
    },
  };
}

/** @param {Hls} hls */
function details(hls) {
  return hls.latestLevelDetails;
}

/** The playlist grows between two looks at it: what has passed since the last counts. @param {Hls} hls @param {HTMLVideoElement} video */
function behind(hls, video) {
  const known = details(hls);
  return known?.live ? Math.max(0, known.edge + known.age - video.currentTime) : null;
}

/** @param {Hls} hls @param {HTMLVideoElement} video */
function span(hls, video) {
  const known = details(hls);
  if (!known || known.fragments.length === 0) return null;
  if (known.live) return liveSpan(known.fragmentStart, hls.liveSyncPosition ?? known.edge);
  return { start: known.fragmentStart, end: Number.isFinite(video.duration) ? video.duration : known.edge };
}

/**
 * While live it ends where one watches live, not at what cannot be played yet; and it begins a little
 * after its oldest segment, which will be gone before it is loaded.
 * @param {number} oldest @param {number} edge positions
 */
export function liveSpan(oldest, edge) {
  return { start: Math.min(oldest + Math.min(LEAVING_SECONDS, Math.max(0, edge - oldest) / 4), edge), end: edge };
}

/** @param {Hls} hls @param {number} position */
function dateAt(hls, position) {
  const there = details(hls)?.fragments.find(({ start, duration }) => position < start + duration);
  return there?.programDateTime ? there.programDateTime + Math.max(0, position - there.start) * 1000 : null;
}

/** The next visit begins with the quality that this network can bear. @param {Hls} hls */
function remember(hls) {
  if (Number.isFinite(hls.bandwidthEstimate)) preferences.set("bandwidth", String(Math.round(hls.bandwidthEstimate)));
}

/** @param {Hls} hls */
function current(hls) {
  const level = hls.levels[hls.currentLevel];
  return level === undefined ? "" : labelOf(level.height, level.bitrate, level.name);
}

/** @param {typeof import("hls.js").default} Hls @param {string} type @param {number | undefined} status of HTTP @returns {Failure} */
function failureOf(Hls, type, status) {
  if (status === 401 || status === 403) return "forbidden";
  if (status === 404 || status === 410) return "missing";
  if (type === Hls.ErrorTypes.NETWORK_ERROR) return "network";
  return type === Hls.ErrorTypes.MEDIA_ERROR ? "media" : "other";
}

/** Without a playlist yet there is nothing to load on from. @param {Hls} hls @param {string} url */
function resume(hls, url) {
  if (hls.levels.length === 0) hls.loadSource(url);
  else hls.startLoad();
}

/** @param {Hls} hls @param {string} value */
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

/** @typedef {HTMLVideoElement & { webkitCurrentPlaybackTargetIsWireless?: boolean }} AppleVideo */

function hasAirPlay() {
  return "WebKitPlaybackTargetAvailabilityEvent" in globalThis;
}

/**
 * A receiver fetches the stream itself, so it needs an address beside the Media Source; while it
 * does, there is nothing to load here. (webkit.org: "How to use Media Source Extensions with AirPlay")
 * @param {typeof import("hls.js").default} Hls @param {Hls} hls @param {AppleVideo} video @param {Address} address
 * @returns {() => void} takes it back
 */
function offerAirPlay(Hls, hls, video, address) {
  const source = Object.assign(document.createElement("source"), { type: "application/vnd.apple.mpegurl" });
  const changed = () => (video.webkitCurrentPlaybackTargetIsWireless ? hls.stopLoad() : hls.startLoad());
  hls.on(Hls.Events.MEDIA_ATTACHED, () => {
    if (address.portable === "") return;
    source.src = address.portable;
    video.append(source);
    video.disableRemotePlayback = false; // a managed Media Source opens only with one or the other
  });
  video.addEventListener("webkitcurrentplaybacktargetiswirelesschanged", changed);
  return () => {
    source.remove();
    video.removeEventListener("webkitcurrentplaybacktargetiswirelesschanged", changed);
  };
}
