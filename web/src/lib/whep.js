// What goes over HTTP and in statistics when one watches by WHEP: read here, without a browser.

/** Opus comes in stereo only to who says that it wants that (RFC 7587, 7.1); Chromium does not by itself. @param {string} sdp */
export function inStereo(sdp) {
  const payload = /^a=rtpmap:(\d+) opus\/48000\/2\r?$/im.exec(sdp)?.[1] ?? "";
  const line = new RegExp(`^(a=fmtp:${payload} (?!.*\\bstereo=)[^\r\n]+)`, "m");
  return payload === "" ? sdp : sdp.replace(line, "$1;stereo=1");
}

/**
 * STUN and TURN servers of an answer's `Link` headers (RFC 9725, 4.6), which `fetch` joins by commas.
 * @param {string | null} links
 * @returns {{ urls: string, username?: string, credential?: string }[]}
 */
export function iceServers(links) {
  const found = [];
  for (const [, urls = "", rest = ""] of (links ?? "").matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+(?:=(?:"(?:[^"\\]|\\.)*"|[^",;\s]*))?)*)/g)) {
    const said = Object.fromEntries([...rest.matchAll(/([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;\s]*))/g)].map(([, name = "", quoted, bare]) => [name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? bare ?? ""]));
    if (said.rel !== "ice-server" || !/^(stun|turn)s?:/.test(urls)) continue;
    found.push(urls.startsWith("stun") ? { urls } : { urls, username: said.username ?? "", credential: said.credential ?? "" });
  }
  return found;
}

/** Milliseconds that an answer asks for before the next attempt; 0: none, or a date. @param {string | null} header */
export function retryAfter(header) {
  return /^\d{1,6}$/.test(header ?? "") ? Number(header) * 1000 : 0;
}

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
