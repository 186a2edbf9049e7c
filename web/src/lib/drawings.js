// What is drawn where nothing is filmed: a test picture, and a card for when the camera is gone.

/** @typedef {CanvasRenderingContext2D} Context */

const BARS = ["#bfbfbf", "#bfbf00", "#00bfbf", "#00bf00", "#bf00bf", "#bf0000", "#0000bf"];
const FONT = 'system-ui, "Segoe UI", Roboto, sans-serif';
const GREYS = 8;

/** Colour bars over steps of grey; a clock; and something that moves, which shows each frame that is missing. @param {Context} context @param {Date} now */
export function drawTestPicture(context, now) {
  const { width, height } = context.canvas;
  const bar = width / BARS.length;
  for (const [index, colour] of BARS.entries()) fill(context, colour, index * bar, 0, bar, height * 0.7);
  for (let index = 0; index < GREYS; index++) {
    const grey = Math.round((255 * index) / (GREYS - 1));
    fill(context, `rgb(${grey} ${grey} ${grey})`, (index * width) / GREYS, height * 0.7, width / GREYS, height * 0.3);
  }
  drawClock(context, now);
  drawRunner(context, now);
}

/** White with each second's tone, so that sound and picture can be compared. @param {Context} context @param {Date} now */
function drawClock(context, now) {
  const { width, height } = context.canvas;
  const unit = Math.min(width, height);
  const [w, h] = [Math.min(width * 0.9, unit * 0.9), unit * 0.26];
  const [x, y] = [(width - w) / 2, height * 0.35 - h / 2];
  const flash = now.getMilliseconds() < 100;
  fill(context, flash ? "#ffffff" : "#101014", x, y, w, h);
  context.fillStyle = flash ? "#101014" : "#ffffff";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `600 ${unit * 0.13}px ${FONT}`;
  context.fillText(clockWords(now), width / 2, y + h * 0.4, w);
  context.font = `${unit * 0.045}px ${FONT}`;
  context.fillText("Test picture", width / 2, y + h * 0.8, w);
}

/** `12:34:56.7` @param {Date} now */
export function clockWords(now) {
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}.${Math.floor(now.getMilliseconds() / 100)}`;
}

/** Across in two seconds. @param {Context} context @param {Date} now */
function drawRunner(context, now) {
  const { width, height } = context.canvas;
  const way = (now.getTime() % 2000) / 2000;
  const unit = Math.min(width, height) * 0.05;
  fill(context, "#c81d4a", way * (width + unit) - unit, height * 0.62, unit, unit);
}

/** @param {Context} context @param {string} words */
export function drawCard(context, words) {
  const { width, height } = context.canvas;
  const unit = Math.min(width, height);
  const light = context.createRadialGradient(width / 2, height / 3, 0, width / 2, height / 3, Math.max(width, height) * 0.7);
  light.addColorStop(0, "#2a2a34");
  light.addColorStop(1, "#121217");
  context.fillStyle = light;
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#f1f1f5";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `600 ${unit * 0.09}px ${FONT}`;
  context.fillText(words, width / 2, height / 2, width * 0.9);
}

/** @param {Context} context @param {string} colour @param {number} x @param {number} y @param {number} width @param {number} height */
function fill(context, colour, x, y, width, height) {
  context.fillStyle = colour;
  context.fillRect(x, y, width, height);
}
