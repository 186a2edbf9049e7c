// What a level meter shows, from the peaks of the sound.

const FLOOR_DB = -60;
const FALL_DB = 30; // a second: quick enough to follow speech, slow enough for the eye
const HOLD_MS = 1500;
const CLIP_MS = 5000;
/** Full scale: what is louder is cut off. */
const FULL = 0.999;

/** @param {number} peak 1 is full scale @returns {number} 0 to 1 along the meter, by decibels, as ears hear */
export function along(peak) {
  const decibels = peak > 0 ? 20 * Math.log10(peak) : -Infinity;
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB));
}

/** The place of a slider, in per cent, as a factor: 100 leaves it as it is, 200 is 12 dB more, 0 is nothing. @param {number} percent */
export function gainOf(percent) {
  return (percent / 100) ** 2;
}

/** It rises at once, falls slowly, and keeps its highest for a while. All from 0 to 1. */
export class Meter {
  level = 0;
  hold = 0;
  #at = 0;
  #heldAt = -Infinity;
  #clippedAt = -Infinity;

  /** @param {number} now ms @param {number} peak of the samples since the last time */
  note(now, peak) {
    const fallen = (((now - this.#at) / 1000) * FALL_DB) / -FLOOR_DB;
    this.#at = now;
    const height = along(peak);
    this.level = Math.max(height, this.level - fallen, 0);
    if (height >= this.hold) this.#heldAt = now;
    const held = now - this.#heldAt < HOLD_MS ? this.hold : this.hold - fallen;
    this.hold = Math.max(this.level, held);
    if (peak >= FULL) this.#clippedAt = now;
  }

  /** Whether it was too loud in the last seconds. @param {number} now */
  clipped(now) {
    return now - this.#clippedAt < CLIP_MS;
  }
}
