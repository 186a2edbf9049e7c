// What graphs show: how figures are written, how high an axis is, and the same as a table.

/** @typedef {import("./types.js").Column} Column */

const NOTHING = "–";

/** @param {(value: number) => string} words @returns {(value: number | null | undefined) => string} for a value that may be missing */
export function orNothing(words) {
  return (value) => (value === null || value === undefined ? NOTHING : words(value));
}

export const count = orNothing((value) => String(Math.round(value)));
export const share = orNothing((value) => `${Math.round(value * 100)} %`);
export const times = orNothing((value) => `${value.toFixed(2)}×`);
/** `0.4 s`, `12 s`. */
export const seconds = orNothing((value) => `${value >= 10 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} s`);

/** `0`, `640 kb/s`, `2.5 Mb/s`, `1.2 Gb/s`: on an axis without needless digits. */
export const rate = orNothing((value) => {
  const unit = RATES.find(([size]) => value >= size);
  if (unit === undefined) return value < 0.5 ? "0" : `${Math.round(value)} b/s`;
  const [size, name] = unit;
  return `${shortest(value / size)} ${name}`;
});

/** @type {[number, string][]} */
const RATES = [[1e9, "Gb/s"], [1e6, "Mb/s"], [1e3, "kb/s"]];

/** Three digits are enough. @param {number} value */
function shortest(value) {
  const text = value >= 99.95 ? value.toFixed(0) : value.toFixed(1);
  return text.replace(/\.0$/, "");
}

/** The greatest of what is known, and at least `least`. @param {Column[]} columns @param {number} least */
export function highest(columns, least) {
  let found = least;
  for (const column of columns) for (const value of column) if (value !== null && value > found) found = value;
  return found;
}

/** The newest that is known. @param {Column} column */
export function latest(column) {
  return column.filter((value) => value !== null).at(-1) ?? null;
}

/**
 * The rows of a table, newest first: each holds what was measured last before a whole `every` seconds.
 * @param {number[]} at Unix times, ascending @param {Column[]} columns @param {number} every
 * @returns {{ at: number, values: Column }[]}
 */
export function rows(at, columns, every) {
  /** @type {Map<number, Column>} */
  const found = new Map();
  at.forEach((time, place) => found.set(Math.floor(time / every) * every, columns.map((column) => column[place] ?? null)));
  return [...found].map(([time, values]) => ({ at: time, values })).reverse();
}

/** `14:32`, or `14:32:05`, in the person's own time. @param {number} unix @param {boolean} [precise] */
export function timeOfDay(unix, precise = false) {
  const time = new Date(unix * 1000);
  const parts = [time.getHours(), time.getMinutes(), ...(precise ? [time.getSeconds()] : [])];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
