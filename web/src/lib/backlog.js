// What is recorded and not yet safe. It knows no socket, no recorder and no clock.
import { Cuts } from "./cuts.js";

/**
 * A piece of the recording, as the recorder handed it over. Its edges mean nothing.
 * @typedef {object} Chunk
 * @property {number} offset of its first byte in what its recorder gave
 * @property {number} size bytes
 * @property {number} from ms at which its recording began
 * @property {number} to ms at which it was handed over
 * @property {Blob | null} blob null when it lies in the browser's database
 * @property {number | null} key under which it lies there
 */

/**
 * One life of the recorder. Offsets are bytes of what it gave; the server counts from `start`.
 * @typedef {object} Epoch
 * @property {number} number in the broadcast
 * @property {number} start see `Backlog.afresh`; 0 in the broadcast that it began in
 * @property {string} mime
 * @property {number} since ms at which its recorder was started
 * @property {number} until ms at which its newest chunk was handed over
 * @property {number} size the end of what was recorded until now
 * @property {number} acked the end of what is safe
 * @property {number} mediaTime seconds of it that stand in the playlist
 * @property {boolean} ended nothing more comes
 * @property {Chunk[]} chunks the ones that are held, without a gap
 * @property {Cuts} cuts
 */

/** The next byte to be sent, as the server counts. @typedef {{ epoch: number, offset: number }} Place */

/**
 * What lies at a place: bytes of a chunk from `skip` on; the start of the next epoch; the end of
 * the whole recording; or a gap, where bytes are asked for that are not here (any more).
 * @typedef {{ kind: "bytes", chunk: Chunk, skip: number } | { kind: "epoch", epoch: Epoch } | { kind: "stop" } | { kind: "gap" }} Piece
 */

/**
 * What is given up: its pieces, how many seconds were not safe, and whether it was cut off while
 * it was still being recorded, so that another recorder is needed.
 * @typedef {{ chunks: Chunk[], seconds: number, cut: boolean }} Loss
 */

/** Bounds: past either of them the recording must end. Seconds go by the clock on the wall. */
export const MOST_SECONDS = 600;
export const MOST_BYTES = 512_000_000;
/** Bytes in memory, reached only where the browser's database takes nothing (more). */
export const MOST_MEMORY = 64_000_000;

/**
 * The recording of one broadcast, from the first byte that the server has not yet acknowledged.
 * An acknowledged byte stands in the playlist; all others are kept, since the server may ask for
 * them again, sent or not. That it asks for a later epoch says nothing of the earlier ones: it may
 * hold them in its memory alone, be killed, and ask for them the next time.
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
  /** Seconds that were ever recorded. */
  recorded = 0;

  /**
   * A new recorder has given its first bytes. Epochs without bytes do not exist, so that the
   * server never hears of one.
   * @param {string} mime @param {number} since ms
   * @returns {Epoch}
   */
  begin(mime, since) {
    /** @type {Epoch} */
    const epoch = { number: this.#next++, start: 0, mime, since, until: since, size: 0, acked: 0, mediaTime: 0, ended: false, chunks: [], cuts: new Cuts() };
    this.#epochs.push(epoch);
    return epoch;
  }

  /** @param {Epoch} epoch @param {Blob} blob @param {number} now ms */
  add(epoch, blob, now) {
    if (blob.size === 0 || epoch.ended) return;
    epoch.chunks.push({ offset: epoch.size, size: blob.size, from: epoch.until, to: now, blob, key: null });
    epoch.cuts.take(blob);
    this.recorded += (now - epoch.until) / 1000;
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

  /** What the oldest epoch is recorded as; empty before there is one. */
  get mime() {
    return this.#epochs[0]?.mime ?? "";
  }

  /** The first byte that is not safe: what a resumed connection offers. @returns {Place} */
  get oldest() {
    const epoch = this.#epochs.find(({ acked, size, ended }) => acked < size || !ended) ?? this.#epochs.at(-1);
    return epoch === undefined ? { epoch: 0, offset: 0 } : { epoch: epoch.number, offset: epoch.acked - epoch.start };
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
      epoch.acked = Math.max(epoch.acked, Math.min(epoch.start + offset, epoch.size));
      epoch.mediaTime = Math.max(epoch.mediaTime, mediaTime);
    }
    return this.#drop();
  }

  /** @param {Place} place @returns {Piece | null} null when nothing is there yet */
  at({ epoch: number, offset }) {
    const epoch = this.#find(number);
    if (epoch === undefined) return this.#outside(number, offset);
    const place = epoch.start + offset;
    if (place > epoch.size) return { kind: "gap" };
    if (place < epoch.size) return bytesAt(epoch, place);
    if (!epoch.ended) return null;
    const next = this.#find(number + 1);
    if (next !== undefined) return { kind: "epoch", epoch: next };
    return this.#sealed ? { kind: "stop" } : null;
  }

  /** When the recorder of that epoch was started, in ms. @param {number} number @returns {number | null} */
  since(number) {
    return this.#find(number)?.since ?? null;
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

  /**
   * The broadcast is over: what is held becomes the start of another one, behind what a decoder
   * needs first. What it cannot decode without bytes that are gone is given up.
   * @param {boolean} readable whether what is held is really there
   * @returns {Loss}
   */
  afresh(readable) {
    this.#epochs = this.#epochs.filter((epoch) => !isDone(epoch));
    const useless = this.#epochs.filter((epoch, index) => !readable || (index === 0 && !this.#rebase(epoch)));
    const loss = this.#giveUp(useless);
    for (const [index, epoch] of this.#epochs.entries()) epoch.number = index;
    this.#next = this.#epochs.length;
    return loss;
  }

  /** All of it is given up. @returns {Chunk[]} */
  clear() {
    return this.#giveUp(this.#epochs).chunks;
  }

  /** Nothing more of them is taken. @param {Epoch[]} epochs @returns {Loss} */
  #giveUp(epochs) {
    const loss = { seconds: epochs.reduce((sum, epoch) => sum + unsafe(epoch), 0), cut: epochs.some(({ ended }) => !ended) };
    for (const epoch of epochs) epoch.ended = true;
    this.#epochs = this.#epochs.filter((epoch) => !epochs.includes(epoch));
    return { ...loss, chunks: this.#release(epochs.flatMap(({ chunks }) => chunks)) };
  }

  /** Makes it begin where a decoder can. @param {Epoch} epoch @returns {boolean} whether that is possible */
  #rebase(epoch) {
    const whole = epoch.chunks[0]?.offset === epoch.start;
    const head = whole ? null : epoch.cuts.head(epoch.acked);
    if (head !== null) this.#prepend(epoch, head);
    epoch.acked = epoch.start;
    return whole || head !== null;
  }

  /** @param {Epoch} epoch @param {Blob} head what stands for all that is acknowledged */
  #prepend(epoch, head) {
    epoch.start = epoch.acked - head.size;
    const from = epoch.chunks[0]?.from ?? epoch.until;
    epoch.chunks.unshift({ offset: epoch.start, size: head.size, from, to: from, blob: head, key: null });
    this.bytes += head.size;
    this.memory += head.size;
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
    const dropped = this.#release(this.#epochs.flatMap((epoch) => dropChunks(epoch)));
    while (this.#epochs.length > 1 && isDone(this.#epochs[0])) this.#epochs.shift();
    return dropped;
  }

  /** @param {Chunk[]} chunks */
  #release(chunks) {
    for (const chunk of chunks) {
      this.bytes -= chunk.size;
      if (chunk.blob !== null) this.memory -= chunk.size;
    }
    return chunks;
  }
}

/** A chunk goes when its last byte is safe. @param {Epoch} epoch */
function dropChunks(epoch) {
  epoch.cuts.forget(epoch.acked);
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
