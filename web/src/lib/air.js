// The source that is open: previewed before, on air while live, and exchanged for another one meanwhile.
import { PublishError } from "./publish-errors.js";

/** @typedef {import("./sources.js").OpenSource} OpenSource */
/** @typedef {"camera" | "screen" | "file" | "test"} Kind */
/** @typedef {{ kind: Kind, camera: string, microphone: string, quality: string }} Choice */
/** Before, everything can be chosen; while live, everything but the title; in between, nothing. @typedef {"before" | "between" | "live"} Phase */

/**
 * @typedef {object} AirListener
 * @property {() => Promise<OpenSource>} open what is chosen now
 * @property {() => Choice} choice
 * @property {(source: OpenSource) => boolean} switched while live: puts it on air; false when nothing is live any
 *   more; throws when it cannot be recorded
 * @property {(source: OpenSource) => void} furnish its sound is set, before anybody hears it
 * @property {(source: OpenSource | null) => void} taken another one is open, or none
 * @property {(problem: PublishError) => void} refused while live: the old one is still on air
 * @property {(why: string) => void} ended before going live, by itself
 */

/**
 * Hands the source over when the person goes live. While live, another choice opens the new source
 * first; only when it is there does it take the old one's place.
 */
export class Air {
  /** @type {OpenSource | null} */
  source = null;
  /** @type {Phase} */
  phase = "before";
  /** What is on air; null before and after. @type {Choice | null} */
  choice = null;
  /** Of the person's wishes: whatever is opened for an earlier one is not taken. */
  #turn = 0;
  #listener;

  /** @param {AirListener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  get live() {
    return this.choice !== null;
  }

  /** @param {Phase} phase */
  enter(phase) {
    this.phase = phase;
    if (phase !== "live") this.choice = null;
    else this.choice ??= this.#listener.choice();
  }

  /** The choice has changed; what is opened for the last one comes too late. */
  wish() {
    this.#turn += 1;
  }

  /** What is chosen now, for its preview. @returns {Promise<OpenSource | null>} null when it came too late @throws when there is none */
  async open() {
    const turn = ++this.#turn;
    const source = await this.#listener.open();
    if (turn !== this.#turn) {
      source.close();
      return null;
    }
    this.source?.close();
    source.onended = (why) => this.#listener.ended(why);
    this.#take(source);
    return source;
  }

  /** The source that is previewed, or else a fresh one. @returns {Promise<OpenSource>} */
  async ready() {
    const source = this.source === null || this.source.over ? await this.open() : this.source;
    if (source === null) throw new PublishError("source_ended"); // cancelled meanwhile: what is previewed since then is another wish
    return source;
  }

  /** While live, by the person's wish. @param {Kind} kind */
  async switchTo(kind) {
    const turn = ++this.#turn;
    try {
      await this.replace(() => this.#listener.open(), kind);
    } catch (error) {
      if (turn === this.#turn) this.#listener.refused(PublishError.from(error));
    }
  }

  /**
   * While live. The old source goes on until the new one is there.
   * @param {() => Promise<OpenSource>} open @param {Kind} [kind] the same as before, where the person has not chosen it
   * @returns {Promise<boolean | null>} whether the new one is on air; null: something else was chosen meanwhile
   * @throws when there is none, or it cannot be recorded
   */
  async replace(open, kind = this.choice?.kind) {
    const turn = this.#turn;
    const source = await open();
    try {
      this.#listener.furnish(source);
      if (turn === this.#turn && this.live && this.#listener.switched(source)) {
        this.choice = { ...this.#listener.choice(), ...(kind && { kind }) };
        this.#take(source);
        return true;
      }
    } catch (error) {
      source.close();
      throw error;
    }
    source.close();
    return turn === this.#turn ? false : null;
  }

  /** The same source in another shape, or at another bitrate. @throws when it cannot be recorded */
  again() {
    if (this.live && this.source !== null) this.#listener.switched(this.source);
  }

  /** What is chosen besides the source has changed, and is on air. */
  changed() {
    if (this.choice !== null) this.choice = { ...this.#listener.choice(), kind: this.choice.kind };
  }

  close() {
    this.source?.close();
    this.leave();
  }

  /** Somebody else has closed it. */
  leave() {
    this.#turn += 1;
    this.source = null;
    this.#listener.taken(null);
  }

  /** @param {OpenSource} source */
  #take(source) {
    this.source = source;
    this.#listener.furnish(source);
    this.#listener.taken(source);
  }
}
