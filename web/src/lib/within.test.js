import assert from "node:assert/strict";
import { test } from "node:test";
import { within } from "./within.js";

test("what comes in time, what comes too late, and what fails", async () => {
  assert.equal(await within(Promise.resolve(7), 60_000), 7);
  assert.equal(await within(new Promise(() => {}), 1), null);
  await assert.rejects(within(Promise.reject(new Error("no")), 60_000), /no/);
});
