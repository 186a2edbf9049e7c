// setTimeout that does not sleep while the tab is hidden.

/** @typedef {{ postMessage: (message: { timer: number, ms: number | null }) => void, onmessage: ((event: MessageEvent) => void) | null, onerror: ((event: any) => void) | null }} TimerWorker */
/** @typedef {{ now: () => number, setTimeout: (run: () => void, ms: number) => unknown }} OwnTimers */

/**
 * The worker keeps the time, the page keeps what is to be run. Where no worker can be had, the
 * page's own timers do it.
 */
export class Timers {
  #next = 1;
  /** @type {Map<number, { run: () => void, at: number }>} */
  #waiting = new Map();
  /** @type {TimerWorker | null} */
  #worker = null;
  #own;

  /** @param {() => TimerWorker} [start] @param {OwnTimers} [own] */
  constructor(start = startWorker, own = ownTimers()) {
    this.#own = own;
    try {
      this.#worker = start();
      this.#worker.onmessage = ({ data }) => this.#due(data);
      this.#worker.onerror = () => this.#fallBack();
    } catch {
      this.#fallBack();
    }
  }

  /** @param {() => void} run @param {number} ms @returns {number} */
  setTimeout = (run, ms) => {
    const timer = this.#next++;
    this.#waiting.set(timer, { run, at: this.#own.now() + ms });
    this.#arm(timer, ms);
    return timer;
  };

  /** @param {number} timer */
  clearTimeout = (timer) => {
    if (this.#waiting.delete(timer)) this.#worker?.postMessage({ timer, ms: null });
  };

  /** @param {number} timer @param {number} ms */
  #arm(timer, ms) {
    if (this.#worker !== null) return this.#worker.postMessage({ timer, ms });
    this.#own.setTimeout(() => this.#due(timer), ms);
  }

  /** @param {number} timer */
  #due(timer) {
    const due = this.#waiting.get(timer);
    this.#waiting.delete(timer);
    due?.run();
  }

  #fallBack() {
    this.#worker = null;
    const now = this.#own.now();
    for (const [timer, { at }] of this.#waiting) this.#arm(timer, Math.max(0, at - now));
  }
}

/** @returns {TimerWorker} */
function startWorker() {
  return new Worker("/assets/lib/timer-worker.js");
}

/** @returns {OwnTimers} */
function ownTimers() {
  return { now: () => performance.now(), setTimeout: (run, ms) => setTimeout(run, ms) };
}
