// What is to come on a channel that is not live, and when.
import { span } from "./format.js";

const LATE_SECONDS = 30 * 60; // after which nobody should be told to wait for it
const SOON_SECONDS = 90;
const DAY_MS = 86_400_000;

/**
 * @typedef {object} WithNext
 * @property {string | null} [next_at] null: not known when
 * @property {string} [next_title]
 * @property {{ ended_at: string | null } | null} [broadcast] the newest
 * @property {string | null} [last_live_at]
 */

/**
 * @param {WithNext} channel
 * @param {number} now milliseconds
 * @param {string} [locale] @param {string} [timeZone] of the viewer, unless a test says otherwise
 * @returns {{ title: string, words: string } | null} null: nothing is announced
 */
export function upcoming({ next_at, next_title, broadcast, last_live_at }, now, locale, timeZone) {
  if (!next_at) return next_title ? { title: next_title, words: "No time is set yet." } : null;
  const at = Date.parse(next_at);
  const seconds = (at - now) / 1000;
  if (Number.isNaN(at) || seconds < -LATE_SECONDS) return null;
  const title = next_title || "The next broadcast";
  if (seconds <= 0) return Date.parse(broadcast?.ended_at ?? last_live_at ?? "") > at ? null : { title, words: "Should begin any moment." };
  const when = new Intl.DateTimeFormat(locale, { ...dayIfNeeded(at, now), hour: "numeric", minute: "2-digit", timeZone }).format(at);
  return { title, words: `Begins in ${inWords(seconds)}: ${when}.` };
}

/**
 * The first of all that is to come; what has no time comes last.
 * @template {WithNext} T @param {T[]} channels @param {number} now milliseconds
 * @returns {T | undefined}
 */
export function soonest(channels, now) {
  const coming = channels.filter((channel) => upcoming(channel, now) !== null);
  return coming.sort((a, b) => moment(a) - moment(b))[0];
}

/** @param {WithNext} channel */
function moment({ next_at }) {
  return next_at ? Date.parse(next_at) : Number.MAX_VALUE;
}

/** @param {number} seconds */
function inWords(seconds) {
  const whole = Math.ceil(seconds);
  return whole <= SOON_SECONDS ? `${whole} ${whole === 1 ? "second" : "seconds"}` : span(Math.ceil(seconds / 60) * 60);
}

/** A day more than half a day ahead is named. @param {number} at @param {number} now @returns {Intl.DateTimeFormatOptions} */
function dayIfNeeded(at, now) {
  if (at - now < DAY_MS / 2) return {};
  return at - now < 6 * DAY_MS ? { weekday: "long" } : { weekday: "short", day: "numeric", month: "long" };
}
