// The time, as cells of a picture that are dark or light: whoever sees the picture knows when it was drawn.

const BITS = 16; // milliseconds, for a minute; then they begin anew
const CHECKS = 4;
/** Cells in a row. */
export const CELLS = BITS + CHECKS;
const MIDDLE = 128;
const WRAP = 2 ** BITS;

/** @param {number} ms @returns {boolean[]} light cells */
export function encode(ms) {
  const time = Math.floor(ms) % WRAP;
  return bits(time, BITS).concat(bits(check(time), CHECKS));
}

/** @param {ArrayLike<number>} levels of the cells, 0 to 255 @returns {number | null} milliseconds; null: they cannot be read */
export function decode(levels) {
  const read = (/** @type {number} */ from, /** @type {number} */ count) => Array.from({ length: count }, (_, place) => (levels[from + place] ?? 0) > MIDDLE).reduce((value, light) => value * 2 + Number(light), 0);
  const time = read(0, BITS);
  return read(BITS, CHECKS) === check(time) ? time : null;
}

/** Seconds from one such time to now. @param {number} ms of a picture @param {number} now */
export function since(ms, now) {
  return ((((Math.floor(now) % WRAP) - ms + WRAP) % WRAP) / 1000);
}

/** @param {number} time */
function check(time) {
  return ((time ^ (time >> 4) ^ (time >> 8) ^ (time >> 12)) & 15) ^ 0b1010; // nor is a black picture a time
}

/** @param {number} value @param {number} count */
function bits(value, count) {
  return Array.from({ length: count }, (_, place) => ((value >> (count - 1 - place)) & 1) === 1);
}
