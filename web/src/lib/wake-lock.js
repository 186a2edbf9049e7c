// A phone that goes to sleep takes the camera with it.

/** Holds the screen awake while wanted, and takes the lock again when the page is back in sight. */
export class WakeLock {
  #wanted = false;
  /** @type {WakeLockSentinel | null} */
  #held = null;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#settle());
  }

  /** @param {boolean} wanted */
  want(wanted) {
    if (this.#wanted === wanted) return;
    this.#wanted = wanted;
    this.#settle();
  }

  async #settle() {
    if (!this.#wanted) return this.#release();
    if (document.visibilityState !== "visible" || (this.#held !== null && !this.#held.released)) return;
    // A refusal (a flat battery, say) is no reason to bother anybody.
    const lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    this.#release(); // asked for twice at once, there would be one that nobody releases
    this.#held = lock;
    if (!this.#wanted) this.#release();
  }

  #release() {
    this.#held?.release().catch(() => {}); // released already
    this.#held = null;
  }
}
