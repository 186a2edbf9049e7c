// How the browser's recorder is set up.
import { AUDIO_BITRATE } from "./presets.js";

/**
 * In the order of what they cost. H.264 takes the least of the browser's processor and of the
 * server's; VP8 takes the most. MP4 comes last because its recorder hands nothing over between
 * keyframes; it is there for Safari before WebM.
 */
const VIDEO_TYPES = [
  "video/x-matroska;codecs=avc1,opus",
  "video/webm;codecs=h264,opus",
  "video/webm;codecs=vp9,opus",
  "video/webm;codecs=vp8,opus",
  "video/webm",
  "video/mp4;codecs=avc1.42E01E,opus",
  "video/mp4",
];

const AUDIO_TYPES = ["audio/webm;codecs=opus", "audio/webm", "audio/mp4;codecs=opus", "audio/mp4"];

export const TIMESLICE_MS = 250;
/** Until a server has said how long its segments are. */
export const KEYFRAME_MS = 2000;
const MOST_KEYFRAME_MS = 2500;

/**
 * The first type that this browser records, or null when it records none that we know.
 * @param {boolean} hasVideo
 * @param {(type: string) => boolean} isTypeSupported
 */
export function chooseType(hasVideo, isTypeSupported) {
  const types = hasVideo ? VIDEO_TYPES : AUDIO_TYPES;
  return types.find((type) => isTypeSupported(type)) ?? null;
}

/**
 * From one keyframe to the next: a segment, which begins with one, or an even part of it. What the
 * page must keep, and the server replays, is counted from keyframes: so never long.
 * @param {number} segment seconds
 */
export function keyframeDistance(segment) {
  if (!(segment > 0)) return KEYFRAME_MS;
  const ms = Math.max(1, segment) * 1000;
  return Math.round(ms / Math.ceil(ms / MOST_KEYFRAME_MS));
}

/**
 * The keyframe interval goes by time alone: naming a count as well makes the recorder throw.
 * @param {string} mimeType
 * @param {number} videoBitrate
 * @param {number} keyframeMs
 * @returns {MediaRecorderOptions & { videoKeyFrameIntervalDuration: number }}
 */
export function recorderOptions(mimeType, videoBitrate, keyframeMs) {
  return {
    mimeType,
    videoBitsPerSecond: videoBitrate,
    audioBitsPerSecond: AUDIO_BITRATE,
    videoKeyFrameIntervalDuration: keyframeMs,
  };
}

/** @type {Record<string, string>} */
const CODEC_NAMES = { avc1: "H.264", avc3: "H.264", h264: "H.264", vp8: "VP8", vp9: "VP9", av1: "AV1", av01: "AV1", vp09: "VP9", opus: "Opus", mp4a: "AAC" };

/** `H.264 + Opus` for `video/x-matroska;codecs=avc1,opus`. @param {string} mimeType */
export function codecWords(mimeType) {
  const list = /codecs="?([^";]+)/.exec(mimeType)?.[1] ?? "";
  const names = list.split(",").map((codec) => codecName(codec.trim()));
  return names.filter(Boolean).join(" + ") || mimeType;
}

/** @param {string} codec */
export function codecName(codec) {
  const family = codec.toLowerCase().split(".")[0] ?? "";
  return CODEC_NAMES[family] ?? codec;
}
