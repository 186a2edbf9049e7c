// What media-chrome asks of a media element beyond the standard: whether it is live, since when that
// counts as live, and where one can go to. hls.js asks for none of these.

/** @typedef {{ live: boolean, window: { start: number, end: number } | null, atEdge: boolean }} Facts */
/** @typedef {{ start: (index: number) => number, end: (index: number) => number, length: number }} Ranges */

/**
 * @param {EventTarget & { currentTime: number }} video
 * @param {() => Facts} facts as they are now
 * @returns {() => void} to be called when they may have changed
 */
export function showFace(video, facts) {
  Object.defineProperties(video, {
    streamType: { get: () => (facts().live ? "live" : "on-demand") },
    targetLiveWindow: { get: () => (facts().live ? Infinity : NaN) },
    liveEdgeStart: { get: () => (facts().atEdge ? video.currentTime : facts().live ? Infinity : NaN) },
    seekable: { get: () => ranges(facts().window) },
  });
  let live = false;
  return () => {
    video.dispatchEvent(new Event("seekablechange"));
    if (facts().live === live) return;
    live = !live;
    video.dispatchEvent(new Event("streamtypechange"));
    video.dispatchEvent(new Event("targetlivewindowchange"));
  };
}

/** @param {Facts["window"]} window @returns {Ranges} */
function ranges(window) {
  return { length: window === null ? 0 : 1, start: () => window?.start ?? 0, end: () => window?.end ?? 0 };
}

/**
 * The position that media-chrome means when a pointer is over its time line. It counts as if every
 * window began at 0, which one that slides does not (4.19.4, media-time-range.js).
 * @param {number} told @param {{ start: number, end: number }} window
 */
export function pointedAt(told, { start, end }) {
  return end > 0 ? start + (told / end) * (end - start) : start;
}
