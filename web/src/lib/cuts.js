// Where a recording can be cut, so that what is left of it begins another broadcast.

const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const TIMESTAMP = 0xe7;
const FTYP = 0x66747970;
const MOOF = 0x6d6f6f66;

/** The header of a Cluster of unknown size: it ends where the next one begins (RFC 9559). */
const CLUSTER_HEADER = new Uint8Array([0x1f, 0x43, 0xb6, 0x75, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);

/** Bytes: no init segment of a browser's is longer by far. */
const MOST_INIT = 1_000_000;

/**
 * An element of WebM, or a box of MP4, up to `end`. A run is a Cluster or a fragment: what comes
 * before the first is the init segment. The elements inside of a Cluster are told like all others.
 * @typedef {{ end: number, kind: "run" | "time" | "other" }} Element
 */

/**
 * Reads along with one recorder. An acknowledged offset is one from which a decoder can start,
 * given the init segment and, inside of a Cluster, a header for what is left of that. `head` makes
 * them; what is kept for it is the init segment, and of each Cluster its place and its time.
 */
export class Cuts {
  /** All bytes until the first run is found, and then those before it. */
  #init = new Uint8Array(0);
  /** @type {{ offset: number, time: Uint8Array<ArrayBuffer> | null }[]} */
  #runs = [];
  /** Bytes that do not yet make a whole element. */
  #tail = new Uint8Array(0);
  /** How many bytes there were. */
  #size = 0;
  /** Where the next element begins. */
  #next = 0;
  #unknown = false;
  #reading = Promise.resolve();

  /** The next bytes; read as soon as the browser hands them over. @param {Blob} blob */
  take(blob) {
    if (this.#unknown) return;
    const read = async () => this.#feed(new Uint8Array(await blob.arrayBuffer()));
    this.#reading = this.#reading.then(read).catch(() => void (this.#unknown = true));
  }

  /**
   * What a decoder needs before the bytes from there on; null where that is not known. What is
   * acknowledged was taken long before, so it has been read.
   * @param {number} offset
   */
  head(offset) {
    const run = this.#runs.filter((candidate) => candidate.offset <= offset).at(-1);
    if (this.#unknown || run === undefined || offset > this.#size) return null;
    if (run.offset === offset) return new Blob([this.#init]);
    return run.time === null ? null : new Blob([this.#init, CLUSTER_HEADER, run.time]);
  }

  /** Nothing before will be asked for. @param {number} offset */
  forget(offset) {
    while ((this.#runs[1]?.offset ?? Infinity) <= offset) this.#runs.shift();
  }

  /** @param {Uint8Array<ArrayBuffer>} fresh */
  #feed(fresh) {
    if (this.#runs.length === 0) this.#init = joined(this.#init, fresh);
    if (this.#init.length > MOST_INIT) throw new RangeError("this is no recording");
    this.#size += fresh.length;
    if (this.#next >= this.#size) return;
    const bytes = joined(this.#tail, fresh);
    const base = this.#size - bytes.length;
    while (this.#next < this.#size && this.#element(bytes, base));
    this.#tail = bytes.slice(this.#next - base);
  }

  /** Reads one; false while it is not whole. @param {Uint8Array<ArrayBuffer>} bytes @param {number} base where they begin */
  #element(bytes, base) {
    if (this.#init.length < 8) return false;
    const at = this.#next - base;
    const found = this.#isMp4 ? box(bytes, at) : element(bytes, at);
    if (found === null) return false;
    if (found.kind === "run") this.#run();
    const run = this.#runs.at(-1);
    if (found.kind === "time" && run !== undefined) run.time ??= bytes.slice(at, found.end);
    this.#next = base + found.end;
    return true;
  }

  #run() {
    if (this.#runs.length === 0) this.#init = this.#init.slice(0, this.#next);
    this.#runs.push({ offset: this.#next, time: null });
  }

  get #isMp4() {
    return number(this.#init, 4, 4) === FTYP;
  }
}

/** @param {Uint8Array} first @param {Uint8Array} second */
function joined(first, second) {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** @param {Uint8Array} bytes @param {number} at @param {number} length */
function number(bytes, at, length) {
  return bytes.subarray(at, at + length).reduce((sum, byte) => sum * 256 + byte, 0);
}

/** @param {Uint8Array} bytes @param {number} at @returns {Element | null} null while it is not whole */
function element(bytes, at) {
  const idLength = lengthOf(bytes, at);
  const sizeLength = lengthOf(bytes, at + idLength);
  const body = at + idLength + sizeLength;
  if (body > bytes.length || sizeLength === 0) return null;
  const id = number(bytes, at, idLength);
  if (id === CLUSTER) return { end: body, kind: "run" };
  if (id === SEGMENT) return { end: body, kind: "other" };
  const bits = 2 ** (7 * sizeLength);
  const size = number(bytes, at + idLength, sizeLength) - bits;
  if (size === bits - 1) throw new RangeError("only a Segment or a Cluster can have an unknown size");
  if (id !== TIMESTAMP) return { end: body + size, kind: "other" };
  return body + size > bytes.length ? null : { end: body + size, kind: "time" };
}

/** How long an identifier or a size is, by its first byte; 0 while that is not there. @param {Uint8Array} bytes @param {number} at */
function lengthOf(bytes, at) {
  const first = bytes[at];
  if (first === 0) throw new RangeError("no number is so long");
  return first === undefined ? 0 : Math.clz32(first) - 23;
}

/** @param {Uint8Array} bytes @param {number} at @returns {Element | null} null while it is not whole */
function box(bytes, at) {
  if (at + 16 > bytes.length) return null;
  const size = number(bytes, at, 4) === 1 ? number(bytes, at + 8, 8) : number(bytes, at, 4);
  if (size < 8) throw new RangeError("a box without an end");
  return { end: at + size, kind: number(bytes, at + 4, 4) === MOOF ? "run" : "other" };
}
