// A moment between what people type into a field, in their own time, and what the server keeps.
import { Fault } from "./fault.js";

/** For a field of type datetime-local; "" where nothing is announced. @param {string | null} iso */
export function localTime(iso) {
  const at = new Date(iso ?? "");
  if (Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/**
 * @param {string} typed in such a field
 * @param {number} now milliseconds
 * @returns {string | null} ISO 8601; null: no time is named
 * @throws {Fault}
 */
export function momentOf(typed, now) {
  if (typed === "") return null;
  const at = new Date(typed);
  if (Number.isNaN(at.getTime())) throw new Fault("This is no date with a time.");
  if (at.getTime() < now) throw new Fault("This time has passed. Choose one that is to come, or none.");
  return at.toISOString();
}
