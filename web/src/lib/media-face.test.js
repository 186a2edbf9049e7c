import assert from "node:assert/strict";
import { test } from "node:test";
import { pointedAt, showFace } from "./media-face.js";

test("tells of a live stream, of a recording, and of the change between them", () => {
  const video = Object.assign(new EventTarget(), { currentTime: 95 });
  /** @type {import("./media-face.js").Facts} */
  let facts = { live: true, window: { start: 40, end: 98 }, atEdge: true };
  const changed = showFace(video, () => facts);
  const face = /** @type {any} */ (video);
  /** @type {string[]} */
  const heard = [];
  for (const name of ["seekablechange", "streamtypechange"]) video.addEventListener(name, () => heard.push(name));
  changed();
  assert.deepEqual([face.streamType, face.targetLiveWindow, face.currentTime >= face.liveEdgeStart], ["live", Infinity, true]);
  assert.deepEqual([face.seekable.length, face.seekable.start(0), face.seekable.end(0)], [1, 40, 98]);
  facts = { ...facts, atEdge: false };
  assert.equal(face.currentTime >= face.liveEdgeStart, false);
  facts = { live: false, window: null, atEdge: false };
  changed();
  changed();
  assert.deepEqual([face.streamType, face.targetLiveWindow, face.liveEdgeStart, face.seekable.length], ["on-demand", NaN, NaN, 0]);
  assert.deepEqual(heard, ["seekablechange", "streamtypechange", "seekablechange", "streamtypechange", "seekablechange"]);
});

test("where a pointer is in a window that slides", () => {
  const window = { start: 940, end: 1000 };
  assert.deepEqual([0, 500, 1000].map((told) => pointedAt(told, window)), [940, 970, 1000]);
  assert.equal(pointedAt(3, { start: 0, end: 0 }), 0);
});
