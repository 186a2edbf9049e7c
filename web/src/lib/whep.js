// What statistics tell when one watches by WHEP: read here, without a browser.

/**
 * What one look at `getStats()` tells.
 * @typedef {object} Look
 * @property {number} progress grows while media arrives: pictures; without a video, packets of sound
 * @property {number} waited seconds that all pictures (or samples) together waited to be shown
 * @property {number} shown how many of them waited
 * @property {number} roundTrip seconds; 0: not known
 * @property {number} frame seconds that one picture stands
 */

/** @typedef {Record<string, any>} Stat */

/** @param {Iterable<Stat>} stats @returns {Look} */
export function look(stats) {
  const all = [...stats];
  const of = (/** @type {string} */ kind) => all.find((one) => one.type === "inbound-rtp" && one.kind === kind);
  const pair = all.find((one) => one.type === "candidate-pair" && one.state === "succeeded" && one.nominated);
  const video = of("video");
  const media = video?.packetsReceived > 0 ? video : of("audio");
  return {
    progress: (media === video ? media?.framesDecoded : media?.packetsReceived) ?? 0,
    waited: media?.jitterBufferDelay ?? 0,
    shown: media?.jitterBufferEmittedCount ?? 0,
    roundTrip: pair?.currentRoundTripTime ?? 0,
    frame: 1 / (video?.framesPerSecond || 30),
  };
}

/**
 * Seconds from the server to the eye, as far as it can be told here: half a round trip, what waited in the
 * jitter buffer between two looks, and the picture's own time on the screen. The publisher's way is not in it.
 * @param {Look} before @param {Look} now
 */
export function delay(before, now) {
  const count = now.shown - before.shown;
  const buffer = count > 0 ? (now.waited - before.waited) / count : 0;
  return now.roundTrip / 2 + Math.max(0, buffer) + now.frame;
}
