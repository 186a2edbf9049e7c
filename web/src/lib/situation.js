// What becomes of what is recorded, in words that a broadcaster understands.
import { MOST_SECONDS } from "./backlog.js";

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

const OVERDUE_WORDS = "The server has probably ended the broadcast by now.";

/** @typedef {{ renewing: boolean, overdue: boolean }} Away */

/** The connection is away while something is recorded. @param {Away} away */
export function awayWords({ renewing, overdue }) {
  if (renewing) return "Recording goes on here; a new broadcast begins as soon as the server answers.";
  if (overdue) return `${OVERDUE_WORDS} Recording goes on here; what is kept here begins a new one as soon as the server answers.`;
  return "Recording goes on here; nothing is lost.";
}

/** The connection is away after the recording. @param {Away} away */
export function restWords({ renewing, overdue }) {
  if (renewing) return "Recording has stopped; the rest begins a new broadcast as soon as the server answers.";
  if (overdue) return `${OVERDUE_WORDS} Recording has stopped; the rest begins a new one as soon as the server answers.`;
  return "Recording has stopped; the rest is delivered as soon as the server answers.";
}
