// What is recorded and not yet safe. It knows no socket, no recorder and no clock.

/**
 * A piece of the recording, as the recorder handed it over. Its edges mean nothing.
 * @typedef {object} Chunk
 * @property {number} offset of its first byte in its epoch
 * @property {number} size bytes
 * @property {number} from ms at which its recording began
 * @property {number} to ms at which it was handed over
 * @property {Blob | null} blob null when it lies in the browser's database
 * @property {number | null} key under which it lies there
 */

/**
 * One life of the recorder.
 * @typedef {object} Epoch
 * @property {number} number
 * @property {string} mime
 * @property {number} since ms at which its recorder was started
 * @property {number} until ms at which its newest chunk was handed over
 * @property {number} size bytes recorded until now
 * @property {number} acked bytes of it that are safe
 * @property {number} mediaTime seconds of it that stand in the playlist
 * @property {boolean} ended nothing more comes
 * @property {Chunk[]} chunks the ones that are held, without a gap
 */

/** The next byte to be sent. @typedef {{ epoch: number, offset: number }} Place */

/**
 * What lies at a place: bytes of a chunk from `skip` on; the start of the next epoch; the end of
 * the whole recording; or a gap, where bytes are asked for that are not here (any more).
 * @typedef {{ kind: "bytes", chunk: Chunk, skip: number } | { kind: "epoch", epoch: Epoch } | { kind: "stop" } | { kind: "gap" }} Piece
 */

/** Bounds: past either of them the recording must end. Seconds go by the clock on the wall. */
export const MOST_SECONDS = 600;
export const MOST_BYTES = 512_000_000;
/** Bytes in memory, reached only where the browser's database takes nothing (more). */
export const MOST_MEMORY = 64_000_000;

/**
 * The recording of one broadcast, from the first byte that the server has not yet acknowledged.
 * An acknowledged byte stands in the playlist; all others are kept, since the server may ask for
 * them again, sent or not.
 */
export class Backlog {
  /** Oldest first, numbered without a gap; the newest stays even when all of it is safe. @type {Epoch[]} */
  #epochs = [];
  #next = 0;
  #sealed = false;
  /** Bytes that are held, in memory and in the database. */
  bytes = 0;
  /** Bytes of them in memory. */
  memory = 0;

  /**
   * A new recorder has given its first bytes. Epochs without bytes do not exist, so that the
   * server never hears of one.
   * @param {string} mime @param {number} since ms
   * @returns {Epoch}
   */
  begin(mime, since) {
    /** @type {Epoch} */
    const epoch = { number: this.#next++, mime, since, until: since, size: 0, acked: 0, mediaTime: 0, ended: false, chunks: [] };
    this.#epochs.push(epoch);
    return epoch;
  }

  /** @param {Epoch} epoch @param {Blob} blob @param {number} now ms */
  add(epoch, blob, now) {
    if (blob.size === 0 || epoch.ended) return;
    epoch.chunks.push({ offset: epoch.size, size: blob.size, from: epoch.until, to: now, blob, key: null });
    epoch.until = now;
    epoch.size += blob.size;
    this.bytes += blob.size;
    this.memory += blob.size;
  }

  /** Its recorder has stopped. @param {Epoch} epoch */
  end(epoch) {
    epoch.ended = true;
    this.#drop();
  }

  /** The whole recording is complete. */
  seal() {
    this.#sealed = true;
  }

  /** Whether anything was ever recorded. */
  get begun() {
    return this.#next > 0;
  }

  /** Whether nothing is left that is not safe. */
  get safe() {
    return this.#epochs.every((epoch) => epoch.acked >= epoch.size);
  }

  /**
   * Seconds that are recorded and do not stand in the playlist. Of what the bytes say and what
   * the media time says, the smaller: bytes are acknowledged by whole units of two seconds.
   */
  get seconds() {
    return this.#epochs.reduce((sum, epoch) => sum + unsafe(epoch), 0);
  }

  /** Whether a bound is reached. */
  get full() {
    return this.seconds >= MOST_SECONDS || this.bytes >= MOST_BYTES || this.memory >= MOST_MEMORY;
  }

  /** The first byte that is not safe: what a resumed connection offers. @returns {Place} */
  get oldest() {
    const epoch = this.#epochs.find(({ acked, size, ended }) => acked < size || !ended) ?? this.#epochs.at(-1);
    return epoch === undefined ? { epoch: 0, offset: 0 } : { epoch: epoch.number, offset: epoch.acked };
  }

  /**
   * Everything before this place is safe. Old news, which comes after newer, changes nothing.
   * @param {number} number @param {number} offset @param {number} [mediaTime] seconds of that epoch
   * @returns {Chunk[]} what is let go
   */
  ack(number, offset, mediaTime = 0) {
    for (const epoch of this.#epochs) {
      if (epoch.number < number) epoch.acked = epoch.size;
      if (epoch.number !== number) continue;
      epoch.acked = Math.max(epoch.acked, Math.min(offset, epoch.size));
      epoch.mediaTime = Math.max(epoch.mediaTime, mediaTime);
    }
    return this.#drop();
  }

  /** @param {Place} place @returns {Piece | null} null when nothing is there yet */
  at({ epoch: number, offset }) {
    const epoch = this.#find(number);
    if (epoch === undefined) return this.#outside(number, offset);
    if (offset > epoch.size) return { kind: "gap" };
    if (offset < epoch.size) return bytesAt(epoch, offset);
    if (!epoch.ended) return null;
    const next = this.#find(number + 1);
    if (next !== undefined) return { kind: "epoch", epoch: next };
    return this.#sealed ? { kind: "stop" } : null;
  }

  /** Chunks in memory, oldest first. @returns {Generator<Chunk & { blob: Blob }>} */
  *inMemory() {
    for (const { chunks } of this.#epochs) {
      for (const chunk of chunks) if (chunk.blob !== null) yield /** @type {Chunk & { blob: Blob }} */ (chunk);
    }
  }

  /** A chunk lies in the database now. @param {Chunk} chunk @param {number} key */
  stored(chunk, key) {
    chunk.key = key;
    if (chunk.blob === null) return;
    chunk.blob = null;
    this.memory -= chunk.size;
  }

  /** All of it is given up. @returns {Chunk[]} */
  clear() {
    const chunks = this.#epochs.flatMap((epoch) => epoch.chunks);
    this.#epochs = [];
    this.bytes = 0;
    this.memory = 0;
    return chunks;
  }

  /** @param {number} number */
  #find(number) {
    return this.#epochs.find((epoch) => epoch.number === number);
  }

  /** Before the first byte there is a place to wait at, and nowhere else. @param {number} number @param {number} offset @returns {Piece | null} */
  #outside(number, offset) {
    if (this.begun || number !== 0 || offset !== 0) return { kind: "gap" };
    return this.#sealed ? { kind: "stop" } : null;
  }

  #drop() {
    const dropped = this.#epochs.flatMap((epoch) => dropChunks(epoch));
    for (const chunk of dropped) {
      this.bytes -= chunk.size;
      if (chunk.blob !== null) this.memory -= chunk.size;
    }
    while (this.#epochs.length > 1 && isDone(this.#epochs[0])) this.#epochs.shift();
    return dropped;
  }
}

/** A chunk goes when its last byte is safe. @param {Epoch} epoch */
function dropChunks(epoch) {
  const kept = epoch.chunks.findIndex(({ offset, size }) => offset + size > epoch.acked);
  return epoch.chunks.splice(0, kept === -1 ? epoch.chunks.length : kept);
}

/** @param {Epoch | undefined} epoch */
function isDone(epoch) {
  return epoch !== undefined && epoch.ended && epoch.acked >= epoch.size;
}

/** @param {Epoch} epoch */
function unsafe({ chunks, since, until, mediaTime }) {
  const first = chunks[0];
  if (first === undefined) return 0;
  return Math.max(0, Math.min(until - first.from, until - since - mediaTime * 1000)) / 1000;
}

/** @param {Epoch} epoch @param {number} offset @returns {Piece} */
function bytesAt({ chunks }, offset) {
  const chunk = chunks.find((candidate) => candidate.offset + candidate.size > offset);
  if (chunk === undefined || chunk.offset > offset) return { kind: "gap" };
  return { kind: "bytes", chunk, skip: offset - chunk.offset };
}
