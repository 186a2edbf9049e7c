// What is recorded, where it is kept, and for which broadcast.
import { Backlog } from "./backlog.js";
import { Vault } from "./vault.js";

/** @typedef {import("./connection.js").Hello} Hello */
/** @typedef {import("./connection.js").Ready} Ready */
/** @typedef {import("./connection.js").Supply} Supply */

/** A backlog on its way to the server: to one broadcast, or to one after another. */
export class Delivery {
  backlog = new Backlog();
  /** The broadcast's id, once the server has named it. @type {string | null} */
  #broadcast = null;
  /** Seconds that a broadcast waits for us while the connection is away. */
  window = Infinity;
  #vault;

  /** @param {Promise<import("./vault.js").BlobStore | null>} store @param {() => void} oncramped what waits has to stay in memory */
  constructor(store, oncramped) {
    this.#vault = new Vault(store, oncramped);
  }

  /** Another recording. */
  begin() {
    this.backlog = new Backlog();
    this.#broadcast = null;
    this.window = Infinity;
  }

  /** What a connection is opened with. @param {{ title: string, takeover: boolean }} order @param {() => string} wantedType what will be recorded, before anything is @returns {Hello} */
  hello({ title, takeover }, wantedType) {
    if (this.#broadcast !== null) return { type: "resume", broadcast: this.#broadcast, ...this.backlog.oldest };
    return { type: "start", mime: this.backlog.mime || wantedType(), title, takeover };
  }

  /** @returns {Supply} */
  get supply() {
    return { at: (place) => this.backlog.at(place), read: (chunk) => this.#vault.read(chunk), since: (epoch) => this.backlog.since(epoch) };
  }

  /** Nothing is safe by that: the server may hold what it does not ask for in its memory alone. @param {Ready} ready @returns {boolean} whether the broadcast goes on */
  ready({ broadcast, resume_window: window }) {
    const resumed = broadcast === this.#broadcast;
    this.#broadcast = broadcast;
    this.window = window ?? Infinity;
    return resumed;
  }

  /** @param {import("./connection.js").Ack} ack @returns {number} bytes that are kept no more */
  ack({ epoch, offset, mediaTime }) {
    const chunks = this.backlog.ack(epoch, offset, mediaTime);
    this.#vault.forget(chunks);
    return chunks.reduce((sum, { size }) => sum + size, 0);
  }

  /** Something was recorded. */
  recorded() {
    this.#vault.settle(this.backlog);
  }

  /** The broadcast is over: what is kept begins another one. @param {boolean} readable whether what is kept can be read */
  afresh(readable) {
    const { chunks, ...loss } = this.backlog.afresh(readable);
    this.#vault.forget(chunks);
    this.#broadcast = null;
    this.window = Infinity;
    return loss;
  }

  /** What is kept is needed no more. */
  clear() {
    this.#vault.forget(this.backlog.clear());
  }
}
