// What to do when playing fails. Nobody should have to press reload for what heals by itself.

/** @typedef {"network" | "forbidden" | "missing" | "media" | "unsupported" | "other"} Failure */
/** @typedef {"resume" | "recover" | "reload" | "give_up"} Remedy */

const MEDIA_RECOVERIES = 2; // a decoder that fails a third time in a row wants a new start
const ATTEMPTS = 8; // with the waits between them this is about a minute
/** While a server starts, or a link is renewed, its answers are no better than none. @type {Set<Failure>} */
const OF_THE_SERVER = new Set(["network", "forbidden", "missing"]);

/** Counts what failed since it last played. */
export class Recovery {
  #failures = 0;
  #media = 0;

  /** @param {Failure} failure @returns {Remedy} */
  next(failure) {
    this.#failures += 1;
    if (this.#failures > ATTEMPTS || failure === "unsupported") return "give_up";
    if (OF_THE_SERVER.has(failure)) return "resume";
    if (failure === "media" && ++this.#media <= MEDIA_RECOVERIES) return "recover";
    return "reload";
  }

  /** How many attempts have been made; the wait before the next grows with it. */
  get attempt() {
    return Math.max(0, this.#failures - 1);
  }

  played() {
    this.#failures = 0;
    this.#media = 0;
  }
}
