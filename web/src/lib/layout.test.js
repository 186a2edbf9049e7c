import assert from "node:assert/strict";
import { test } from "node:test";
import { canvasSize, fit, inset, reshaped } from "./layout.js";

const WIDE = { width: 1280, height: 720 };
const TALL = { width: 720, height: 1280 };
const CORNERS = /** @type {const} */ (["top-left", "top-right", "bottom-left", "bottom-right"]);

test("all of a picture, in the middle", () => {
  assert.deepEqual(fit({ width: 640, height: 360 }, WIDE), { x: 0, y: 0, ...WIDE });
  assert.deepEqual(fit(TALL, WIDE), { x: 437.5, y: 0, width: 405, height: 720 });
});

test("an inset is inside, in its corner, of its own shape, whatever the shapes are", () => {
  for (const box of [WIDE, TALL]) for (const picture of [WIDE, TALL, { width: 640, height: 480 }]) for (const corner of CORNERS) for (const size of [0.15, 0.3, 0.5, 1]) {
    const { x, y, width, height } = inset(picture, box, { corner, size });
    assert.ok(x > 0 && y > 0 && x + width < box.width && y + height < box.height);
    assert.ok(Math.abs(width / height - picture.width / picture.height) < 1e-9);
    if (size > 0.3) continue;
    assert.equal(x + width / 2 < box.width / 2, corner.endsWith("left"));
    assert.equal(y + height / 2 < box.height / 2, corner.startsWith("top"));
    assert.ok(Math.abs(Math.hypot(width, height) / Math.hypot(1280, 720) - size) < 1e-9);
  }
});

test("a canvas: even, of the picture's shape, never larger than it", () => {
  assert.deepEqual(canvasSize({ width: 1920, height: 1080 }, 720), WIDE);
  assert.deepEqual(canvasSize({ width: 1080, height: 1920 }, 720), TALL);
  assert.deepEqual(canvasSize({ width: 801, height: 599 }, 720), { width: 802, height: 600 });
  assert.deepEqual(canvasSize({ width: 0, height: 0 }, 360), { width: 640, height: 360 });
});

test("turned, or drawn out, but not scaled", () => {
  assert.equal(reshaped(WIDE, TALL), true);
  assert.equal(reshaped(WIDE, { width: 854, height: 480 }), false);
  assert.equal(reshaped(WIDE, { width: 640, height: 480 }), true);
});
