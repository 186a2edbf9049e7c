// How long to wait before trying again.

const FIRST_MS = 500;
const CEILING_MS = 10_000;

/**
 * Doubles from half a second to ten, with jitter over the upper half: when a server comes back,
 * those that it dropped must not all knock in the same instant.
 * @param {number} attempt 0 for the first
 * @param {() => number} [random] from 0 to 1
 */
export function backoff(attempt, random = Math.random) {
  const full = Math.min(CEILING_MS, FIRST_MS * 2 ** attempt);
  return Math.round(full / 2 + (full / 2) * random());
}
