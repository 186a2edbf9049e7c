// What a publisher uses of the browser, all in one place, so that tests can put fakes there.
import { openIdbStore } from "./store-idb.js";
import { Timers } from "./timers.js";

/**
 * @typedef {object} PublisherEnvironment
 * @property {typeof WebSocket} WebSocket
 * @property {typeof MediaRecorder} MediaRecorder
 * @property {() => number} now milliseconds
 * @property {() => number} random from 0 to 1
 * @property {(run: () => void, ms: number) => number} setTimeout which does not sleep in a hidden tab
 * @property {(timer: number) => void} clearTimeout
 * @property {() => Promise<import("./vault.js").BlobStore | null>} openStore null where there is none; never rejects
 */

/** @returns {PublisherEnvironment} */
export function browserEnvironment() {
  const { setTimeout, clearTimeout } = new Timers();
  const now = () => performance.now();
  const openStore = () => openIdbStore();
  return { WebSocket, MediaRecorder, now, random: Math.random, setTimeout, clearTimeout, openStore };
}
