// Whether a broadcast has qualities by now that the player does not know of: it reads once which there
// are, and a new epoch (another source) may be made into more of them.

/** @typedef {import("./types.js").Rendition} Rendition */

const SETTLED_MS = 3000; // the server tells of a quality a moment before there is something of it to play

export class Ladder {
  /** @type {Set<string>} looked for once: what a browser cannot play would be missed for ever */
  #looked = new Set();
  #since = -1;

  /**
   * @param {{ renditions: Rendition[], labels: string[], now: number }} facts what the server names, what the
   *   player offers (nothing: it chooses itself), and milliseconds
   * @returns {boolean} whether to read anew which there are
   */
  grown({ renditions, labels, now }) {
    const missed = renditions.filter(({ name, height }) => height > 0 && !this.#looked.has(name) && !labels.includes(`${height}p`));
    if (missed.length === 0 || labels.length === 0) this.#since = -1;
    else if (this.#since < 0) this.#since = now;
    if (this.#since < 0 || now - this.#since < SETTLED_MS) return false;
    for (const { name } of missed) this.#looked.add(name);
    this.#since = -1;
    return true;
  }
}
