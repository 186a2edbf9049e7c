// What a player uses of the browser, and what a media element is asked for and told.

/**
 * @typedef {object} PlayerEnvironment
 * @property {() => number} now milliseconds
 * @property {() => number} random
 * @property {(run: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 */

/** @returns {PlayerEnvironment} */
export function browser() {
  return {
    now: () => performance.now(),
    random: Math.random,
    setTimeout: (run, ms) => window.setTimeout(run, ms),
    clearTimeout: (timer) => window.clearTimeout(timer),
  };
}

/** @param {HTMLVideoElement} video @param {number} rate */
export function setRate(video, rate) {
  if (video.playbackRate !== rate) video.playbackRate = rate;
}

/** Seconds. @param {HTMLVideoElement} video */
export function bufferedAhead({ buffered, currentTime }) {
  for (let range = 0; range < buffered.length; range++) {
    if (buffered.start(range) <= currentTime && currentTime <= buffered.end(range)) return buffered.end(range) - currentTime;
  }
  return 0;
}
