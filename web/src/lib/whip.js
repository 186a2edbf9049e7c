// What is sent, answered and measured when one publishes by WHIP (RFC 9725): said and read here, without a browser.
import { AUDIO_BITRATE } from "./presets.js";

/**
 * The layers of one medium. A second picture would be named here, by a `rid` and its `scaleResolutionDownBy`.
 * @param {string} kind @param {number} bitrate of the picture, in bits per second @param {number} [frameRate]
 * @returns {RTCRtpEncodingParameters[]}
 */
export function encodings(kind, bitrate, frameRate) {
  if (kind === "audio") return [{ maxBitrate: AUDIO_BITRATE }];
  return [{ maxBitrate: bitrate, ...(frameRate && { maxFramerate: frameRate }) }];
}

/**
 * What the server takes, in the order of what it costs here, and what repairs it.
 * @template {{ mimeType: string, sdpFmtpLine?: string }} Codec @param {Codec[]} codecs @returns {Codec[]}
 */
export function preferred(codecs) {
  const rank = (/** @type {Codec} */ { mimeType, sdpFmtpLine = "" }) => {
    const name = mimeType.toLowerCase();
    return name === "video/h264" && !sdpFmtpLine.includes("packetization-mode=1") ? -1 : ["video/h264", "video/vp8", "video/rtx"].indexOf(name);
  };
  return codecs.filter((codec) => rank(codec) >= 0).sort((a, b) => rank(a) - rank(b));
}

/** Of a connection by WebSocket, which means the same. @param {number} status of HTTP; 0: there was no answer @param {string} code that the server said */
export function closeCode(status, code) {
  if (status >= 400 && status < 500) return 4000 + status;
  if (status === 500 || status === 0) return status === 0 ? 1006 : 1011;
  return code === "no_capacity" ? 1013 : 1012;
}

/**
 * What one look at `getStats()` tells. Bytes are totals.
 * @typedef {object} Look
 * @property {number} sent bytes of media
 * @property {number} received grows while anything comes from the server
 * @property {number} roundTrip seconds; 0: not known
 * @property {number} lost the share of what was sent lately that did not arrive at first
 * @property {string} limited by what the picture is made worse than was wanted: "bandwidth", "cpu", "other", "none"
 * @property {string} codecs with commas between them
 */

/** How the way to the server does. @typedef {{ bitrate: number, roundTrip: number, lost: number, limited: string, limitedSeconds: number, lag: number | null }} Network */

/** @typedef {Record<string, any>} Stat */

/** @param {Iterable<Stat>} stats @returns {Look} */
export function look(stats) {
  const all = [...stats];
  const of = (/** @type {string} */ type) => all.filter((one) => one.type === type);
  const out = of("outbound-rtp");
  const pair = of("candidate-pair").find((one) => one.state === "succeeded" && one.nominated);
  const names = out.map((one) => of("codec").find(({ id }) => id === one.codecId)?.mimeType.split("/")[1].toLowerCase());
  return {
    sent: out.reduce((sum, { bytesSent = 0 }) => sum + bytesSent, 0),
    received: (pair?.bytesReceived ?? 0) + (pair?.responsesReceived ?? 0),
    roundTrip: pair?.currentRoundTripTime ?? 0,
    lost: Math.max(0, ...of("remote-inbound-rtp").map(({ fractionLost = 0 }) => fractionLost)),
    limited: out.map((one) => one.qualityLimitationReason).find((reason) => reason && reason !== "none") ?? "none",
    codecs: [...new Set(names)].filter(Boolean).sort((a, b) => Number(a === "opus") - Number(b === "opus")).join(","),
  };
}
