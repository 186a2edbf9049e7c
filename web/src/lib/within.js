/**
 * What a promise gives, or null once it has taken too long.
 * @template T
 * @param {Promise<T>} promise @param {number} ms
 * @returns {Promise<T | null>}
 */
export function within(promise, ms) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const late = new Promise((/** @type {(none: null) => void} */ done) => (timer = setTimeout(() => done(null), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
