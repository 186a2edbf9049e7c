// The permission to broadcast of somebody who is signed in: a token that is renewed in time.

/** @typedef {import("./types.js").FreshToken} FreshToken */

const NONE = { token: "", renewAt: -Infinity };

/**
 * A broadcast may outlive a token, and a connection that is lost later needs one that is good.
 * So it is renewed when half of its time is over.
 */
export class Pass {
  #held = NONE;
  /** @type {Promise<void> | null} */
  #asking = null;
  #mint;
  #now;

  /** @param {() => Promise<FreshToken>} mint @param {() => number} [now] milliseconds since 1970 */
  constructor(mint, now = Date.now) {
    this.#mint = mint;
    this.#now = now;
  }

  /** The newest token; "" before there was one. */
  get token() {
    return this.#held.token;
  }

  /** Sees to it that there is a token with time left. @throws whatever `mint` throws */
  freshen() {
    if (this.#now() < this.#held.renewAt) return Promise.resolve();
    this.#asking ??= this.#renew().finally(() => (this.#asking = null));
    return this.#asking;
  }

  /** The server does not take this one, whatever it said of its time. */
  spoil() {
    this.#held = { ...this.#held, renewAt: -Infinity };
  }

  async #renew() {
    const { token, expires_at } = await this.#mint();
    this.#held = { token, renewAt: (this.#now() + Date.parse(expires_at)) / 2 };
  }
}
