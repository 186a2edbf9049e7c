// Where the backlog goes when it grows: from memory to the browser's database, and back.

/** @typedef {import("./backlog.js").Backlog} Backlog */
/** @typedef {import("./backlog.js").Chunk} Chunk */

/**
 * A store for blobs, by number.
 * @typedef {object} BlobStore
 * @property {(entries: [number, Blob][]) => Promise<void>} put all of them or none
 * @property {(key: number) => Promise<Blob>} get
 * @property {(keys: number[]) => Promise<void>} remove
 */

/** Bytes in memory from which on the oldest go to the database. */
const SPILL_BYTES = 8_000_000;
/** Bytes that go in one step: a step is one transaction. */
const STEP_BYTES = 4_000_000;

export const CRAMPED_WORDS =
  "This device has no storage left for what waits to be delivered. It is kept in memory, which has room for a few minutes: free some space on this device.";

/**
 * Keeps memory small while the connection is away. The store may be missing, or refuse at any
 * time (a quota, a full disk): then memory goes on, up to the backlog's own bound, and the store is
 * tried again now and then.
 */
export class Vault {
  /** @type {BlobStore | null} */
  #store = null;
  /** Bytes in memory from which on it is tried. */
  #limit = SPILL_BYTES;
  #key = 0;
  #busy = false;
  #opening;
  #oncramped;

  /** @param {Promise<BlobStore | null>} opening it never rejects @param {() => void} [oncramped] the store takes nothing, or is none */
  constructor(opening, oncramped = () => {}) {
    this.#oncramped = oncramped;
    this.#opening = opening.then((store) => void (this.#store = store));
  }

  /** Moves what memory should not hold. Called after each chunk. @param {Backlog} backlog */
  async settle(backlog) {
    if (backlog.memory <= SPILL_BYTES) this.#limit = SPILL_BYTES;
    if (this.#busy || backlog.memory <= this.#limit) return;
    this.#busy = true;
    await this.#opening;
    while (backlog.memory > this.#limit) await this.#step(this.#store, backlog);
    this.#busy = false;
  }

  /** @param {Backlog} backlog */
  #refused(backlog) {
    this.#limit = backlog.memory + SPILL_BYTES;
    this.#oncramped();
  }

  /** @param {Chunk} chunk @returns {Promise<Blob>} */
  read({ blob, key }) {
    if (blob !== null) return Promise.resolve(blob);
    if (this.#store === null || key === null) return Promise.reject(new Error("the database is gone"));
    return this.#store.get(key);
  }

  /** These are needed no more. @param {Chunk[]} chunks */
  forget(chunks) {
    const keys = chunks.flatMap(({ key }) => (key === null ? [] : [key]));
    if (keys.length > 0) this.#remove(keys);
  }

  /** @param {BlobStore | null} store @param {Backlog} backlog */
  async #step(store, backlog) {
    if (store === null) return this.#refused(backlog);
    const entries = this.#oldest(backlog);
    try {
      await store.put(entries.map(([key, { blob }]) => [key, blob]));
    } catch {
      return this.#refused(backlog);
    }
    this.#limit = SPILL_BYTES;
    const held = new Set(backlog.inMemory());
    for (const [key, chunk] of entries) if (held.has(chunk)) backlog.stored(chunk, key);
    // Acknowledged while it was being written.
    this.forget(entries.flatMap(([key, chunk]) => (held.has(chunk) ? [] : [{ ...chunk, key }])));
  }

  /** @param {Backlog} backlog */
  #oldest(backlog) {
    /** @type {[number, Chunk & { blob: Blob }][]} */
    const entries = [];
    let size = 0;
    for (const chunk of backlog.inMemory()) {
      if (size >= STEP_BYTES) break;
      entries.push([++this.#key, chunk]);
      size += chunk.size;
    }
    return entries;
  }

  /** @param {number[]} keys */
  #remove(keys) {
    this.#store?.remove(keys).catch(() => {}); // it is cleared with the page's left-overs
  }
}
