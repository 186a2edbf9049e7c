// The files that are played one after the other.

/** @typedef {{ id: number, name: string, file: File, broken: boolean }} Item */

/** Which file is on now, and which one follows. It plays nothing itself. */
export class FileQueue {
  /** @type {Item[]} */
  items = [];
  /** After the last one comes the first. */
  loop = false;
  #next = 1;
  /** Where the one is that is on now; between two when it was taken out of the list: then the one before its place. */
  #place = 0;
  /** @type {Item | null} */
  #now = null;

  /** The one that is on, or would be first. */
  get now() {
    return this.#now;
  }

  /** Others instead of all. @param {Iterable<File>} files */
  replace(files) {
    this.items = [];
    this.#now = null;
    this.#place = 0;
    this.add(files);
  }

  /** @param {Iterable<File>} files */
  add(files) {
    for (const file of files) this.items.push({ id: this.#next++, name: file.name, file, broken: false });
    if (this.#now === null) this.#set(this.items.find((item) => !item.broken));
  }

  /** The one that follows; itself where it is alone in a loop. @returns {Item | null} */
  get next() {
    const start = this.#current === -1 ? this.#place : this.#current + 1;
    const after = [...this.items.slice(start), ...(this.loop ? this.items.slice(0, start) : [])];
    return after.find((item) => !item.broken) ?? null;
  }

  /** This one is on now. @param {number} id */
  play(id) {
    this.#set(this.items.find((item) => item.id === id));
  }

  /** Back to the beginning. */
  rewind() {
    this.#set(this.items.find((item) => !item.broken));
  }

  /** This one cannot be played, and is passed over. @param {number} id */
  broke(id) {
    const item = this.items.find((one) => one.id === id);
    if (item !== undefined) item.broken = true;
    if (item !== undefined && item === this.#now) this.#set(this.next ?? undefined);
  }

  /** What is on goes on until its end. @param {number} id @param {boolean} onAir whether the one that is on is really played */
  remove(id, onAir) {
    const index = this.items.findIndex((item) => item.id === id);
    if (index === -1) return;
    const now = this.#current;
    this.items.splice(index, 1);
    if (index === now) this.#place = index;
    else if (now === -1 && index < this.#place) this.#place -= 1;
    if (index === now && !onAir) this.#set(this.items[index] ?? this.items[0]);
  }

  /**
   * What is on goes on. Before, the first of the list is the first to be played.
   * @param {number} id @param {number} by places, up is negative @param {boolean} onAir whether the one that is on is really played
   * @returns {number | null} its new place, counted from one
   */
  move(id, by, onAir) {
    const from = this.items.findIndex((item) => item.id === id);
    const to = from + by;
    const [item] = from === -1 || to < 0 || to >= this.items.length ? [] : this.items.splice(from, 1);
    if (item === undefined) return null;
    this.items.splice(to, 0, item);
    if (!onAir) this.rewind();
    return to + 1;
  }

  get #current() {
    return this.items.findIndex((item) => item === this.#now);
  }

  /** @param {Item | undefined} item */
  #set(item) {
    this.#now = item ?? null;
  }
}
