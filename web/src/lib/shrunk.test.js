import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "./fault.js";
import { fitting, shrunk } from "./shrunk.js";

test("a small picture goes as it is", async () => {
  const chosen = new Blob(["x"], { type: "image/png" });
  assert.equal(await shrunk(chosen), chosen);
});

test("one that this browser cannot read is refused in words", async () => {
  Object.assign(globalThis, { createImageBitmap: () => Promise.reject(new Error("no")) });
  for (const chosen of [new Blob(["x"], { type: "text/plain" }), new Blob([new Uint8Array(2 * 1024 * 1024 + 1)], { type: "image/png" })]) {
    await assert.rejects(shrunk(chosen), Fault);
  }
});

test("no larger than is shown, in its own shape", () => {
  assert.deepEqual(fitting(4000, 3000), { width: 960, height: 720 });
  assert.deepEqual(fitting(640, 360), { width: 640, height: 360 });
  assert.deepEqual(fitting(10_000, 2), { width: 1280, height: 1 });
});
