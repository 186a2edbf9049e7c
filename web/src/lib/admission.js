// The papers that a publisher shows the server, and what is done when they are good no more.

/**
 * @typedef {object} Papers
 * @property {string} url
 * @property {string} channel "": that of the stream key
 * @property {() => string} bearer what is enough alone, where there are no subprotocols
 * @property {() => string[]} protocols that carry the token; asked for each connection, since it may be renewed
 * @property {(() => Promise<void>) | null} renew gets another token; rejects when there is none to be had
 * @property {string} advice what the person can do where none is
 */

const RENEW_MS = 10_000; // from one try to get another token to the next

export class Admission {
  /** The server wants other papers than it was shown. */
  barred = false;
  /** @type {Papers} */
  papers = { url: "", channel: "", bearer: () => "", protocols: () => [], renew: null, advice: "" };
  #renewedAt = -Infinity;
  #retry;
  #environment;

  /** @param {import("./retry.js").Retry} retry @param {{ now: () => number }} environment */
  constructor(retry, environment) {
    this.#retry = retry;
    this.#environment = environment;
  }

  /** For a broadcast that begins, or for the connections to come. @param {Papers} papers */
  show(papers) {
    this.papers = papers;
    this.#renewedAt = -Infinity;
    this.barred = false;
  }

  /**
   * They were refused. Another token is asked for, where one can be: at once, but not again and
   * again when what was made just now is refused all the same.
   * @param {() => void} connect with other papers
   */
  refused(connect) {
    this.barred = true;
    const fresh = this.#environment.now() - this.#renewedAt < RENEW_MS;
    this.#retry.in(fresh ? RENEW_MS : 0, () => void this.#renew(connect));
  }

  /** @param {() => void} connect */
  async #renew(connect) {
    const { papers } = this;
    if (papers.renew === null) return;
    this.#renewedAt = this.#environment.now();
    const renewed = await papers.renew().then(() => true, () => false);
    if (!this.barred || this.papers !== papers) return; // others came, or nothing is wanted any more
    if (!renewed) return this.#retry.in(RENEW_MS, () => void this.#renew(connect));
    this.barred = false;
    connect();
  }
}
