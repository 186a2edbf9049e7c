// How fast the recording comes out, and whether the connection keeps up with it.

const WINDOW_MS = 5000;

/** Bits per second over the last seconds. */
export class RateMeter {
  /** @type {{ at: number, size: number }[]} */
  #samples = [];
  total = 0;

  /** @param {number} now milliseconds @param {number} size bytes */
  add(now, size) {
    this.total += size;
    this.#samples.push({ at: now, size });
    this.#forget(now);
  }

  /** @param {number} now */
  bitsPerSecond(now) {
    this.#forget(now);
    const first = this.#samples[0];
    if (first === undefined) return 0;
    // The first piece was recorded before the window's first instant: it opens it, and is not counted.
    const size = this.#samples.slice(1).reduce((sum, sample) => sum + sample.size, 0);
    const seconds = Math.max(0.25, (now - first.at) / 1000);
    return (size * 8) / seconds;
  }

  reset() {
    this.#samples = [];
  }

  /** @param {number} now */
  #forget(now) {
    while (this.#samples[0] !== undefined && this.#samples[0].at < now - WINDOW_MS) this.#samples.shift();
  }
}

const SLOW_SECONDS = 10;
const FINE_SECONDS = 5;
const TREND_MS = 5000;
const LOWER_EVERY_MS = 20_000; // a lower bitrate needs time to show
const CATCHING_UP = 0.1; // seconds for each second: by less than that, it would take minutes

/**
 * Whether the way to the server is too slow. `bufferedAmount` cannot tell, since the system takes
 * some 4 MB before it shows anything; what counts is how many recorded seconds the server has not
 * received. After a lost connection there are many, too: slow is only what does not grow less.
 */
export class UploadWatch {
  /** @type {{ at: number, behind: number }[]} */
  #samples = [];
  slow = false;
  #catchingUp = false;
  /** When the bitrate was last lowered for it. @type {number | null} */
  #loweredAt = null;

  /** Whether the bitrate should be lowered now; asked again, not at once again. @param {number} now */
  lower(now) {
    if (!this.slow || this.#catchingUp || now - (this.#loweredAt ?? -Infinity) < LOWER_EVERY_MS) return false;
    this.#loweredAt = now;
    return true;
  }

  /** @param {number} now milliseconds @param {number} behind seconds that the server has not received */
  note(now, behind) {
    this.#samples.push({ at: now, behind });
    while ((this.#samples[1]?.at ?? now) <= now - TREND_MS) this.#samples.shift();
    const first = this.#samples[0];
    const known = first !== undefined && first.at <= now - TREND_MS;
    this.#catchingUp = known && first.behind - behind > (CATCHING_UP * (now - first.at)) / 1000;
    if (behind < FINE_SECONDS) this.slow = false;
    else if (known && behind > SLOW_SECONDS && behind >= first.behind) this.slow = true;
  }

  /** The connection is another one. */
  reset() {
    this.#samples = [];
    this.slow = false;
  }
}
