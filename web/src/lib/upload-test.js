// How much the way to the server carries, by sending it something that it throws away.

/** Bytes of the first piece: a second of a very poor connection. */
const FIRST_BYTES = 48_000;
/** The server takes no more at once. */
export const MOST_BYTES = 2_000_000;
/** A piece that takes so long tells enough: TCP has found its pace. */
const ENOUGH_MS = 1200;
/** What a piece may not take, as far as the one before it tells. */
const WANTED_MS = 2000;
const MOST_PIECES = 5;

/**
 * Pieces that grow until one takes long enough to tell. The way there and back is in every figure, and
 * counts the less the larger the piece: so it is a little too low, which is the right side.
 * @param {(bytes: number) => Promise<void>} send done when the server has it; throws when it does not take it
 * @param {() => number} now milliseconds
 * @returns {Promise<number>} bits per second
 */
export async function measureUpload(send, now) {
  let size = FIRST_BYTES;
  let rate = 0;
  for (let piece = 0; piece < MOST_PIECES; piece++) {
    const begun = now();
    await send(size);
    const took = Math.max(1, now() - begun);
    rate = (size * 8000) / took;
    if (took >= ENOUGH_MS || size === MOST_BYTES) break;
    size = Math.min(MOST_BYTES, Math.max(size * 2, Math.round((size * WANTED_MS) / took)));
  }
  return rate;
}

/** Something that cannot be made smaller on the way. @param {number} bytes @param {(block: Uint8Array<ArrayBuffer>) => void} fill with chance */
export function noise(bytes, fill) {
  const block = new Uint8Array(65_536);
  fill(block);
  const blocks = Array.from({ length: Math.ceil(bytes / block.length) }, () => block);
  return new Blob(blocks, { type: "application/octet-stream" }).slice(0, bytes, "application/octet-stream");
}
