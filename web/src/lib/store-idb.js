// The browser's database as a store for blobs. One database for all pages of this origin; each
// page's entries carry its name, and are cleared by a later page once it is gone.

const DATABASE = "ingestd";
const CHUNKS = "chunks";

/**
 * @param {string} [page] a name that no other page has
 * @returns {Promise<IdbStore | null>} null where there is no database, or no leave to use it
 */
export async function openIdbStore(page = crypto.randomUUID()) {
  try {
    const database = await openDatabase();
    const store = new IdbStore(database, page);
    if (await holdName(page)) await store.clearDead();
    return store;
  } catch {
    return null;
  }
}

/** @implements {BlobStore} @typedef {import("./vault.js").BlobStore} BlobStore */
export class IdbStore {
  #database;
  #page;

  /** @param {IDBDatabase} database @param {string} page */
  constructor(database, page) {
    this.#database = database;
    this.#page = page;
  }

  /**
   * As bytes rather than as blobs: those of a private window cannot be stored everywhere.
   * @param {[number, Blob][]} entries
   */
  async put(entries) {
    const bytes = await Promise.all(entries.map(([, blob]) => blob.arrayBuffer()));
    await this.#write((chunks) => {
      for (const [index, [key]] of entries.entries()) chunks.put(bytes[index], [this.#page, key]);
    });
  }

  /** @param {number} key @returns {Promise<Blob>} */
  async get(key) {
    const chunks = this.#database.transaction(CHUNKS).objectStore(CHUNKS);
    const bytes = await answer(chunks.get([this.#page, key]));
    if (!(bytes instanceof ArrayBuffer)) throw new Error("the database has lost a part of the recording");
    return new Blob([bytes]);
  }

  /** @param {number[]} keys */
  remove(keys) {
    return this.#write((chunks) => {
      for (const key of keys) chunks.delete([this.#page, key]);
    });
  }

  /** What pages left that were closed or that crashed. */
  async clearDead() {
    const alive = await livingPages();
    const keys = await answer(this.#database.transaction(CHUNKS).objectStore(CHUNKS).getAllKeys());
    const dead = keys.filter((key) => Array.isArray(key) && !alive.has(String(key[0])));
    await this.#write((chunks) => {
      for (const key of dead) chunks.delete(key);
    });
  }

  /** @param {(chunks: IDBObjectStore) => void} change @returns {Promise<void>} when it is on disk, all of it or nothing */
  #write(change) {
    const transaction = this.#database.transaction(CHUNKS, "readwrite");
    return new Promise((done, failed) => {
      transaction.oncomplete = () => done();
      transaction.onerror = () => failed(transaction.error);
      transaction.onabort = () => failed(transaction.error);
      change(transaction.objectStore(CHUNKS));
    });
  }
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => void request.result.createObjectStore(CHUNKS);
  return answer(request);
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function answer(request) {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

const LOCK = "ingestd-page-";

/**
 * A lock says which pages are alive: the browser lets it go with the page, however that ends.
 * @param {string} page @returns {Promise<boolean>} false where there are no locks: then nothing is cleared
 */
function holdName(page) {
  const { locks } = navigator;
  if (locks === undefined) return Promise.resolve(false);
  return new Promise((held) => {
    const forEver = new Promise(() => {});
    locks.request(LOCK + page, () => (held(true), forEver)).catch(() => held(false));
  });
}

async function livingPages() {
  const { held = [] } = await navigator.locks.query();
  return new Set(held.map(({ name = "" }) => name.replace(LOCK, "")));
}
