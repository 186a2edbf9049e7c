// The browser's own player for HLS, where there is no Media Source.

/** @typedef {import("./engine.js").Engine} Engine */

/** @param {HTMLVideoElement} video */
export function playsHls(video) {
  return video.canPlayType("application/vnd.apple.mpegurl") !== "";
}

/** What the browser says, whatever has been put before it for the controls. */
const seekable = Object.getOwnPropertyDescriptor(globalThis.HTMLMediaElement?.prototype ?? {}, "seekable");

/**
 * @param {HTMLVideoElement} video
 * @param {string} url
 * @param {import("./engine.js").EngineEvents} events
 * @returns {Engine}
 */
export function nativeEngine(video, url, events) {
  const failed = () => events.onfailure(failureOf(video.error?.code));
  const load = () => {
    video.src = url;
    video.load();
  };
  const range = () => {
    const ranges = /** @type {TimeRanges} */ (seekable?.get?.call(video));
    return ranges.length > 0 ? { start: ranges.start(0), end: ranges.end(ranges.length - 1) } : null;
  };
  const isLive = () => video.duration === Infinity;
  video.addEventListener("error", failed);
  load();
  return {
    qualities: () => [],
    choose: () => {},
    automatic: () => "",
    liveEdge: () => (isLive() ? (range()?.end ?? null) : null),
    behind: () => (isLive() ? (range()?.end ?? video.currentTime) - video.currentTime : null),
    window: range,
    keepBehind: () => {}, // it knows best itself
    segment: () => 0,
    dateAt: () => null,
    pictures: () => null,
    address: () => url,
    resume: load,
    recover: load,
    destroy: () => {
      video.removeEventListener("error", failed);
      video.removeAttribute("src");
      video.load();
    },
  };
}

/** @param {number | undefined} code of a MediaError */
function failureOf(code) {
  if (code === MediaError.MEDIA_ERR_NETWORK) return "network";
  return code === MediaError.MEDIA_ERR_DECODE ? "media" : "other";
}
