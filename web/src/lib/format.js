// Figures as people read them.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `0:07`, `12:34`, `1:02:03`. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / MINUTE) % 60, whole % MINUTE];
  const hours = Math.floor(whole / HOUR);
  const [minutes, rest] = parts;
  if (hours === 0) return `${minutes}:${two(rest)}`;
  return `${hours}:${two(minutes)}:${two(rest)}`;
}

/** @param {number | undefined} value */
function two(value) {
  return String(value).padStart(2, "0");
}

/** `a moment`, `12 min`, `3 h 5 min`, `2 days`. @param {number} seconds */
export function span(seconds) {
  if (seconds < MINUTE) return "a moment";
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < DAY) return hoursAndMinutes(seconds);
  const days = Math.floor(seconds / DAY);
  return days === 1 ? "1 day" : `${days} days`;
}

/** @param {number} seconds */
function hoursAndMinutes(seconds) {
  const minutes = Math.floor((seconds % HOUR) / MINUTE);
  const hours = `${Math.floor(seconds / HOUR)} h`;
  return minutes === 0 ? hours : `${hours} ${minutes} min`;
}

/** Seconds from an ISO time to `now` in milliseconds; 0 for a time that cannot be read. */
export function secondsSince(/** @type {string | null} */ iso, /** @type {number} */ now) {
  const then = Date.parse(iso ?? "");
  return Number.isNaN(then) ? 0 : Math.max(0, (now - then) / 1000);
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `0 B`, `1.2 MB`, in steps of a thousand as networks count. @param {number} count */
export function bytes(count) {
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** `2.5 Mb/s`, `640 kb/s`. @param {number} bitsPerSecond */
export function bitrate(bitsPerSecond) {
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mb/s`;
  return `${Math.round(bitsPerSecond / 1000)} kb/s`;
}
