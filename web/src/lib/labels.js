// People, keys and targets in words.
import { bitrate, secondsSince, span } from "./format.js";

/** @param {string} time ISO 8601 @param {number} now milliseconds */
export function ago(time, now) {
  const seconds = secondsSince(time, now);
  return seconds < 60 ? "just now" : `${span(seconds)} ago`;
}

/** @param {string} time ISO 8601 @param {number} now milliseconds */
export function left(time, now) {
  const seconds = (Date.parse(time) - now) / 1000;
  return seconds > 0 ? `expires in ${span(seconds)}` : "has expired";
}

/** @param {import("./types.js").StreamKey} key @param {number} now milliseconds */
export function keyUse({ last_used_at, last_used_from }, now) {
  if (last_used_at === null) return "never used";
  const from = last_used_from ? ` from ${last_used_from}` : "";
  return `last used ${ago(last_used_at, now)}${from}`;
}

/** @param {import("./types.js").Role} role */
export function roleWords(role) {
  return role === "admin" ? "Admin" : "Broadcaster";
}

/** @param {{ private?: boolean }} channel */
export function visibility(channel) {
  return channel.private ? "Private" : "Public";
}

/** What a state is called, and whether that is well. @type {Record<string, { words: string, level: "good" | "bad" | "quiet" }>} */
const TARGET_STATES = {
  idle: { words: "Waiting for a broadcast", level: "quiet" },
  waiting: { words: "Waiting for a broadcast", level: "quiet" },
  off: { words: "Off", level: "quiet" },
  starting: { words: "Connecting", level: "quiet" },
  connecting: { words: "Connecting", level: "quiet" },
  live: { words: "Pushing", level: "good" },
  pushing: { words: "Pushing", level: "good" },
  backing_off: { words: "Trying again", level: "bad" },
  stalled: { words: "Trying again", level: "bad" },
  failed: { words: "Failed", level: "bad" },
};

/** @param {import("./types.js").Target} target */
export function targetWords({ state, enabled, speed, bitrate: rate }) {
  const known = enabled === false ? TARGET_STATES.off : TARGET_STATES[state];
  const { words, level } = known ?? { words: state.replaceAll("_", " "), level: "quiet" };
  const figures = [rate ? bitrate(rate) : "", speed ? `${speed.toFixed(2)}×` : ""].filter(Boolean);
  return { words: level === "good" ? [words, ...figures].join(" · ") : words, level };
}

/** What a source sends, name by name. @param {import("./types.js").SourceReport} source @returns {[string, string][]} */
export function sourceRows({ video, audio, bitrate: rate, frame_rate, keyframe_distance }) {
  /** @type {[string, string | 0 | null | false | undefined][]} */
  const rows = [
    ["Picture", pictureWords(video)],
    ["Frame rate", frame_rate && `${Math.round(frame_rate * 100) / 100} a second`],
    ["Bitrate", rate && bitrate(rate)],
    ["Keyframe every", keyframe_distance && `${keyframe_distance.toFixed(1)} s`],
    ["Sound", soundWords(audio)],
  ];
  return rows.flatMap(([name, value]) => (value ? [/** @type {[string, string]} */ ([name, value])] : []));
}

/** @param {import("./types.js").SourceReport["video"]} video */
function pictureWords(video) {
  if (video === null) return "none";
  return [video.codec?.toUpperCase(), video.width && `${video.width} × ${video.height}`].filter(Boolean).join(", ");
}

/** @param {import("./types.js").SourceReport["audio"]} audio */
function soundWords(audio) {
  if (audio === null) return "none";
  const { codec, channels, sample_rate } = audio;
  const layout = channels === 1 ? "mono" : channels === 2 ? "stereo" : channels ? `${channels} channels` : "";
  return [codec?.toUpperCase(), sample_rate && `${sample_rate / 1000} kHz`, layout].filter(Boolean).join(", ");
}

/** A line of the audit log, cell by cell. @param {import("./types.js").AuditEntry} entry @param {number} [now] milliseconds */
export function auditRow({ at, who, action, subject, address, detail }, now = Date.now()) {
  const did = action.replace(/[._]/g, " ");
  const to = subject.replace(/^(\w+):/, "$1 ");
  return { when: ago(at, now), who: who || "–", did: detail === "" ? did : `${did} (${detail})`, to: to || "–", from: address || "this server" };
}
