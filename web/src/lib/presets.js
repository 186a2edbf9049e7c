// How large, how smooth and how good: what can be chosen, and what that asks of the upload and of this device.
import { bitrate as words } from "./format.js";

/** `height` is that of the picture's short side. @typedef {{ height: number, frameRate: number, bitrate: number }} Quality */

/** The choice that goes by the upload. */
export const AUTO = "auto";

/** Best first. @type {Record<string, Quality>} */
export const PRESETS = {
  "1080p60": { height: 1080, frameRate: 60, bitrate: 6_000_000 },
  "1080p30": { height: 1080, frameRate: 30, bitrate: 4_500_000 },
  "720p30": { height: 720, frameRate: 30, bitrate: 2_500_000 },
  "480p30": { height: 480, frameRate: 30, bitrate: 1_200_000 },
  "360p30": { height: 360, frameRate: 30, bitrate: 700_000 },
};
const STANDARD = /** @type {Quality} */ (PRESETS["720p30"]);
/** Names that were remembered before there were these. @type {Record<string, string>} */
const OLD_NAMES = { high: "1080p30", standard: "720p30", saver: "480p30" };

/** Nobody is served by less. */
export const LOWEST_BITRATE = 300_000;
export const AUDIO_BITRATE = 128_000;

/** Of the upload, what is never planned with: it is not the same each minute. */
const HEADROOM = 0.3;
/** So much of a preset's bitrate is still enough for its size. */
const ENOUGH = 0.8;
/** With less of it than this a smaller picture looks better. */
const SCANTY = 0.6;

/** @param {string} name */
export function presetName(name) {
  const now = OLD_NAMES[name] ?? name;
  return now in PRESETS ? now : AUTO;
}

/** @param {string} name @param {number | null} [upload] measured, in bits per second @returns {Quality} */
export function qualityOf(name, upload = null) {
  return PRESETS[presetName(name)] ?? fitting(upload);
}

/**
 * The largest picture that the upload carries with headroom. Never more than 720p30 unasked: what
 * is larger costs several times as much of this device, and most servers scale it down.
 * @param {number | null} upload @returns {Quality}
 */
export function fitting(upload) {
  if (upload === null) return STANDARD;
  const room = Math.max(LOWEST_BITRATE, roomOf(upload));
  const modest = Object.values(PRESETS).filter(({ height }) => height <= STANDARD.height);
  const preset = modest.find(({ bitrate }) => room >= bitrate * ENOUGH) ?? /** @type {Quality} */ (modest.at(-1));
  return { ...preset, bitrate: Math.round(Math.min(preset.bitrate, room)) };
}

/** @param {number} upload */
function roomOf(upload) {
  return upload * (1 - HEADROOM) - AUDIO_BITRATE;
}

/** The height that a bitrate is enough for. @param {number} bitrate @param {number} most */
export function heightFor(bitrate, most) {
  const preset = Object.values(PRESETS).find((one) => one.height <= most && one.frameRate <= 30 && bitrate >= one.bitrate * SCANTY);
  return Math.min(most, preset?.height ?? 360);
}

/** @param {number | null} upload */
export function autoLabel(upload) {
  if (upload === null) return "Fits your upload";
  return `Fits your upload: ${fitting(upload).height}p`;
}

/** Cores for 1280 × 720 at 30 frames a second, measured (FACTS.md); hardware that encodes takes less. @type {Record<string, number>} */
const COST = { avc1: 0.3, h264: 0.3, vp9: 0.35, vp8: 0.7 };
/** What a picture costs besides that is put together here: twice as much as without. */
const DRAWING = 0.35;

/** How many processor cores it takes. @param {Quality} quality @param {string} mimeType @param {boolean} drawn the page puts it together */
export function coresFor({ height, frameRate }, mimeType, drawn) {
  const codec = /codecs="?(\w+)/.exec(mimeType)?.[1] ?? "";
  const size = ((height / 720) ** 2 * frameRate) / 30;
  return ((COST[codec] ?? 0.7) + (drawn ? DRAWING : 0)) * size;
}

/**
 * What should be known of a choice before it is made.
 * @param {string} name
 * @param {{ upload: number | null, cores: number, mimeType: string, drawn: boolean }} facts `cores`: of this device
 */
export function presetHint(name, { upload, cores, mimeType, drawn }) {
  const quality = qualityOf(name, upload);
  const needed = coresFor(quality, mimeType, drawn);
  const cost = `Takes up to ${needed.toFixed(1)} of this device’s ${cores} processor ${cores === 1 ? "core" : "cores"}.`;
  const hard = needed > cores / 2 ? " That is a lot: expect frames to be left out." : "";
  return `${uploadWords(name, quality, upload)} ${cost}${hard}`.trim();
}

/** @param {string} name @param {Quality} quality @param {number | null} upload */
function uploadWords(name, { bitrate }, upload) {
  if (upload === null) return "";
  if (upload < LOWEST_BITRATE + AUDIO_BITRATE) return `Your upload was measured at ${words(upload)}: hardly enough for any picture.`;
  if (presetName(name) === AUTO) return `Sends ${words(bitrate)}.`;
  if (bitrate > roomOf(upload)) return `Your upload was measured at ${words(upload)}: that leaves too little headroom, and the bitrate will be lowered when it falls behind.`;
  return "";
}
