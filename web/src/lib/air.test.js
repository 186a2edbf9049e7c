import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { Air } from "./air.js";

/** Sources that open when the test says so. */
function begin() {
  /** @type {string[]} */
  const told = [];
  /** @type {Record<string, (error?: Error) => void>} */
  const opens = {};
  let chosen = "camera";
  const state = { live: true, recordable: true };
  const make = (/** @type {string} */ name) => ({ name, over: false, onended: null, close: () => told.push(`closes ${name}`) });
  const open = (name = chosen) => new Promise((done, failed) => (opens[name] = (error) => (error ? failed(error) : done(make(name)))));
  const nameOf = (/** @type {any} */ source) => source?.name ?? "none";
  const air = new Air(/** @type {any} */ ({
    open,
    choice: () => ({ kind: chosen, camera: "", microphone: "", quality: "" }),
    switched: (/** @type {any} */ source) => {
      if (!state.recordable) throw new Error("not recordable");
      if (state.live) told.push(`airs ${nameOf(source)}`);
      return state.live;
    },
    furnish: () => {},
    taken: (/** @type {any} */ source) => told.push(`takes ${nameOf(source)}`),
    refused: (/** @type {any} */ { code }) => told.push(`refused: ${code}`),
    ended: (/** @type {string} */ why) => told.push(why),
  }));
  const choose = (/** @type {string} */ kind) => ((chosen = kind), air.switchTo(/** @type {any} */ (kind)));
  const opened = async (/** @type {string} */ name, /** @type {Error} */ error) => (opens[name]?.(error), await settle());
  return { air, told, state, open, choose, opened: /** @type {(name: string, error?: Error) => Promise<void>} */ (opened) };
}

/** The camera is on air. */
async function live() {
  const all = begin();
  const ready = all.air.ready();
  await all.opened("camera");
  await ready;
  all.air.enter("live");
  all.told.length = 0;
  return all;
}

test("whoever cancels keeps the preview that is open since then", async () => {
  /** @type {((source: object) => void)[]} */
  const waiting = [];
  const open = () => new Promise((done) => waiting.push(done));
  const air = new Air(/** @type {any} */ ({ open, furnish: () => {}, taken: () => {} }));
  const [late, shown] = [1, 2].map(() => ({ over: false, closed: false, close() { this.closed = true; } }));
  const wished = assert.rejects(air.ready(), { code: "source_ended" });
  air.leave();
  const preview = air.open();
  waiting[1]?.(/** @type {object} */ (shown));
  await preview;
  waiting[0]?.(/** @type {object} */ (late));
  await wished;
  assert.deepEqual([late?.closed, shown?.closed, air.source === /** @type {unknown} */ (shown)], [true, false, true]);
});

test("before: another choice closes what is open, and what comes too late is not taken", async () => {
  const { air, told, opened } = begin();
  const first = air.open();
  await opened("camera");
  await first;
  air.wish();
  air.close();
  const second = air.open();
  air.wish();
  await opened("camera");
  await second;
  assert.deepEqual(told, ["takes camera", "closes camera", "takes none", "closes camera"]);
  assert.equal(air.source, null);
});

test("live: the old source goes on until the new one is there; whoever records it closes it", async () => {
  const { air, told, choose, opened } = await live();
  void choose("screen");
  assert.equal(air.choice?.kind, "camera");
  await opened("screen");
  assert.deepEqual(told, ["airs screen", "takes screen"]);
  assert.equal(air.choice?.kind, "screen");
});

test("live: one that cannot be opened or recorded changes nothing", async () => {
  const { air, told, state, choose, opened } = await live();
  void choose("screen");
  await opened("screen", new DOMException("", "NotFoundError"));
  state.recordable = false;
  void choose("test");
  await opened("test");
  assert.deepEqual(told, ["refused: no_device", "closes test", "refused: unexpected"]);
  assert.equal(air.choice?.kind, "camera");
});

test("the person's last wish counts", async () => {
  const { told, choose, opened } = await live();
  void choose("screen");
  void choose("test");
  await opened("test");
  await opened("screen");
  assert.deepEqual(told, ["airs test", "takes test", "closes screen"]);
});

test("what stands in does not spoil a choice that is being made, and gives way to it", async () => {
  const { air, told, open, choose, opened } = await live();
  void choose("screen"); // its picker is open when the camera is unplugged
  const card = air.replace(() => /** @type {any} */ (open("card")));
  await opened("card");
  assert.equal(await card, true);
  assert.equal(air.choice?.kind, "camera");
  await opened("screen");
  assert.deepEqual(told, ["airs card", "takes card", "airs screen", "takes screen"]);
  const late = air.replace(() => /** @type {any} */ (open("back")));
  void choose("test");
  await opened("back");
  assert.equal(await late, null);
});

test("when nothing is live any more, what was opened is closed", async () => {
  const { air, told, state, choose, opened } = await live();
  state.live = false;
  void choose("screen");
  await opened("screen");
  assert.deepEqual(told, ["closes screen"]);
  assert.equal(air.source?.over, false);
});
