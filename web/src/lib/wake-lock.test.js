import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { WakeLock } from "./wake-lock.js";

class Lock {
  released = false;

  async release() {
    this.released = true;
  }
}

test("asked for twice at once, it is let go of all the same", async () => {
  /** @type {Lock[]} */
  const locks = [];
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const wakeLock = { request: async () => locks[locks.push(new Lock()) - 1] };
  Object.defineProperty(globalThis, "document", { value: page, configurable: true });
  Object.defineProperty(globalThis, "navigator", { value: { wakeLock }, configurable: true });
  const lock = new WakeLock();
  lock.want(true);
  page.dispatchEvent(new Event("visibilitychange"));
  await settle();
  assert.deepEqual(locks.map(({ released }) => released), [true, false]);
  page.dispatchEvent(new Event("visibilitychange"));
  await settle();
  assert.equal(locks.length, 2);
  lock.want(false);
  assert.ok(locks.every(({ released }) => released));
});
