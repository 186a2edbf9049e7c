// Where pictures lie in one another. Sizes and places in pixels.

/** @typedef {{ width: number, height: number }} Size */
/** @typedef {Size & { x: number, y: number }} Place */
/** @typedef {"top-left" | "top-right" | "bottom-left" | "bottom-right"} Corner */
/** `size`: the inset's diagonal, as a part of the whole one's. @typedef {{ corner: Corner, size: number }} Look */

const MARGIN = 0.02; // of the diagonal
const SAME = 0.05; // so much another shape is none yet

/** All of it, as large as it goes, in the middle. @param {Size} picture @param {Size} box @returns {Place} */
export function fit(picture, box) {
  const scale = Math.min(box.width / picture.width, box.height / picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  return { x: (box.width - width) / 2, y: (box.height - height) / 2, width, height };
}

/**
 * In a corner. By the diagonal, so that a portrait camera over a wide screen, or the other way
 * round, takes as much room as one of the same shape.
 * @param {Size} picture @param {Size} box @param {Look} look @returns {Place}
 */
export function inset(picture, box, { corner, size }) {
  const margin = diagonal(box) * MARGIN;
  const room = { width: box.width - 2 * margin, height: box.height - 2 * margin };
  const scale = Math.min((diagonal(box) * size) / diagonal(picture), room.width / picture.width, room.height / picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  const x = corner.endsWith("left") ? margin : box.width - margin - width;
  const y = corner.startsWith("top") ? margin : box.height - margin - height;
  return { x, y, width, height };
}

/** @param {Size} size */
export function shortSide({ width, height }) {
  return Math.min(width, height);
}

/** @param {Size} size */
function diagonal({ width, height }) {
  return Math.hypot(width, height);
}

/**
 * A size of that shape whose short side is as long as wanted, and not longer than it is: even, which
 * every encoder needs. What has no size yet is taken for a wide picture.
 * @param {Size} picture @param {number} short @returns {Size}
 */
export function canvasSize(picture, short) {
  const known = picture.width > 0 && picture.height > 0 ? picture : { width: (short * 16) / 9, height: short };
  const scale = Math.min(1, short / shortSide(known));
  return { width: even(known.width * scale), height: even(known.height * scale) };
}

/** @param {number} pixels */
function even(pixels) {
  return Math.max(2, Math.round(pixels / 2) * 2);
}

/** Whether it is another shape: a phone was turned, a window drawn out. @param {Size} before @param {Size} after */
export function reshaped(before, after) {
  const [old, now] = [before.width / before.height, after.width / after.height];
  return Math.abs(Math.log(now / old)) > SAME;
}
