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

/**
 * The system takes about 4 MB before `bufferedAmount` shows anything. So a megabyte here is not
 * a hiccup: the connection has been too slow for many seconds.
 */
const SLOW_BYTES = 1_000_000;
/** Past this the browser's memory is at stake. */
const FULL_BYTES = 64_000_000;

/** @param {number} waiting bytes that are recorded and not sent @returns {"fine" | "slow" | "full"} */
export function pressure(waiting) {
  if (waiting > FULL_BYTES) return "full";
  return waiting > SLOW_BYTES ? "slow" : "fine";
}

const LOWEST_BITRATE = 300_000;

/** What the next recorder should aim at after a connection that was too slow. @param {number} bitrate */
export function lowered(bitrate) {
  return Math.max(LOWEST_BITRATE, Math.round(bitrate * 0.6));
}
