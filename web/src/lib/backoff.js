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

const PUBLISHER_FIRST_MS = 250;
const PUBLISHER_CEILING_MS = 1000;
const PUBLISHER_LATER_MS = 5000;
const PATIENT_AFTER_MS = 60_000; // a server that restarts is back long before; so is a network that changes
const FULL_FIRST_MS = 1000;
const FULL_CEILING_MS = 10_000;

/**
 * A publisher that lost its connection tries again at once, then after a quarter of a second,
 * doubled up to a second: so it sends again at most a second and a half after the server is
 * back. After a minute it takes up to five. A server that is full is left in peace for longer.
 * @param {{ attempt: number, lostForMs: number, full: boolean }} circumstances `attempt` is 0 for the first
 * @param {() => number} random from 0 to 1
 */
export function publisherBackoff({ attempt, lostForMs, full }, random) {
  if (attempt === 0 && !full) return 0;
  const [first, ceiling] = full
    ? [FULL_FIRST_MS, FULL_CEILING_MS]
    : [PUBLISHER_FIRST_MS, lostForMs < PATIENT_AFTER_MS ? PUBLISHER_CEILING_MS : PUBLISHER_LATER_MS];
  const wait = Math.min(ceiling, first * 2 ** (full ? attempt : attempt - 1));
  return Math.round(wait * (1 - random() / 2));
}
