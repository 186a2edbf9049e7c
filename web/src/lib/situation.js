// What is going on, in words that a broadcaster understands.
import { MOST_SECONDS } from "./backlog.js";
import { bitrate } from "./format.js";

/** @typedef {import("./publisher.js").PublisherState} PublisherState */
/** @typedef {import("./types.js").Status} Status */

/**
 * @typedef {object} Situation
 * @property {PublisherState} state
 * @property {string} message
 * @property {Status | null} status
 * @property {{ connected: boolean, recording: boolean, unsafeSeconds: number, retrySeconds: number, renewing: boolean, overdue: boolean, resumed: boolean, slow: boolean, lowered: boolean, bitrate: number }} statistics
 */

/** Up to here it is the usual way of things: a segment has to be cut, and its acknowledgement to come back. */
const CALM_SECONDS = 6;
const LONG_SECONDS = 10;

export const FULL_WORDS = `Recording has stopped: ${MOST_SECONDS / 60} minutes, or as much as this browser can keep, were waiting to be delivered.`;

/** @param {number} seconds that could not be delivered; empty for none worth a word */
export function lossWords(seconds) {
  return seconds < 0.5 ? "" : `${Math.max(1, Math.round(seconds))} s could not be delivered.`;
}

/** A broadcast is over, and another one follows. @param {number} lost @param {number} kept seconds */
export function renewalWords(lost, kept) {
  const saved = kept < 0.5 ? "" : `The ${Math.round(kept) || 1} s that were not yet safe are kept, and begin a new one.`;
  return `${lossWords(lost)} ${saved}`.trim();
}

/**
 * The main sentence. It holds no figures that change, since it is read out at each change.
 * @param {Situation} situation @param {string} channel
 */
export function sentence({ state, message, status, statistics }, channel) {
  switch (state) {
    case "idle":
      return "Ready when you are.";
    case "preparing":
      return "Opening the source…";
    case "connecting":
      return message === "" ? "Connecting to the server…" : `${message} Trying again…`;
    case "live":
      return liveWords(status, channel, statistics.resumed);
    case "reconnecting":
      return `${message} ${awayWords(statistics)}`;
    case "stopping":
      return statistics.connected ? ["Finishing…", message].join(" ").trim() : `${message} ${restWords(statistics)} Keep this page open.`;
    case "ended":
      return message;
    case "failed":
      return "Not live.";
  }
}

const OVERDUE_WORDS = "The server has probably ended the broadcast by now.";

/** @param {Situation["statistics"]} statistics */
function awayWords({ renewing, overdue }) {
  if (renewing) return "Recording goes on here; a new broadcast begins as soon as the server answers.";
  if (overdue) return `${OVERDUE_WORDS} Recording goes on here; what is kept here begins a new one as soon as the server answers.`;
  return "Recording goes on here; nothing is lost.";
}

/** @param {Situation["statistics"]} statistics */
function restWords({ renewing, overdue }) {
  if (renewing) return "Recording has stopped; the rest begins a new broadcast as soon as the server answers.";
  if (overdue) return `${OVERDUE_WORDS} Recording has stopped; the rest begins a new one as soon as the server answers.`;
  return "Recording has stopped; the rest is delivered as soon as the server answers.";
}

/** Of a broadcast that viewers see already, the server knows best what has happened to it. @param {Status | null} status @param {string} channel @param {boolean} resumed */
function liveWords(status, channel, resumed) {
  const said = status !== null && status.media_time > 0 ? status.message : "";
  switch (status?.state) {
    case "starting":
      if (said !== "") return said;
      return resumed ? "Connected again. What waited is on its way into the playlist…" : "Connected. The first seconds are on their way to the viewers…";
    case "stalled":
    case "backing_off":
      return said || "The server has a hiccup and starts its encoder again. Recording goes on; nothing is lost.";
    default:
      return `You are live on ${channel || "your channel"}.`;
  }
}

/**
 * How much is recorded and could still be lost, and whether that is cause for concern.
 * @param {Situation} situation
 * @returns {{ text: string, level: "none" | "calm" | "high" }}
 */
export function safety({ state, statistics }) {
  const { connected, recording, unsafeSeconds, retrySeconds } = statistics;
  const nothing = { text: "", level: /** @type {const} */ ("none") };
  if (state === "connecting" && retrySeconds >= 1) return { text: `Next try in ${Math.ceil(retrySeconds)} s`, level: "calm" };
  if (state !== "live" && state !== "reconnecting" && state !== "stopping") return nothing;
  if (state === "stopping" && connected) {
    return { text: `${whole(unsafeSeconds)} s are still on their way into the playlist`, level: "calm" };
  }
  if (!connected) return { text: `${whole(unsafeSeconds)} s are waiting here${nextTry(retrySeconds)}`, level: "high" };
  if (!recording) return nothing;
  return { text: `${unsafeSeconds.toFixed(1)} s not yet safe`, level: unsafeSeconds > CALM_SECONDS ? "high" : "calm" };
}

/** @param {number} seconds */
function whole(seconds) {
  return Math.ceil(seconds);
}

/** @param {number} seconds */
function nextTry(seconds) {
  return seconds >= 1 ? ` · next try in ${Math.ceil(seconds)} s` : "";
}

/** What should be done, or known, besides; empty when all is well. @param {Situation} situation */
export function warning({ state, status, statistics }) {
  if (state !== "live") return "";
  const { slow, lowered, unsafeSeconds } = statistics;
  if (slow && lowered) return `The connection is too slow: the quality was lowered to ${bitrate(statistics.bitrate)}. What waits is kept and delivered.`;
  if (slow) return "The connection is too slow even for the lowest quality. What waits is kept and delivered as fast as it goes.";
  if (status !== null && status.dropped?.length > 0) return droppedWords(status.dropped);
  if (unsafeSeconds > LONG_SECONDS && status?.state === "live") return "The server is catching up. What waits is kept until it is in the playlist.";
  return "";
}

/** @param {string[]} dropped */
function droppedWords(dropped) {
  const verb = dropped.length === 1 ? "is" : "are";
  return `${dropped.join(" and ")} ${verb} paused: the server is short of processor time.`;
}

/** Speed and latency, for people who want figures. @param {Status | null} status */
export function encoderFigures(status) {
  return {
    speed: typeof status?.speed === "number" ? `${status.speed.toFixed(2)}×` : "–",
    latency: typeof status?.latency === "number" ? `${status.latency.toFixed(1)} s` : "–",
  };
}
