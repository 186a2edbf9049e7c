import assert from "node:assert/strict";
import { test } from "node:test";
import { FileQueue } from "./file-queue.js";

/** @param {string[]} names */
const files = (...names) => names.map((name) => new File([], name));

function queue(names = ["a", "b", "c"]) {
  const made = new FileQueue();
  made.replace(files(...names));
  return made;
}

/** @param {FileQueue} made */
const order = (made) => made.items.map(({ name }) => name).join("");
/** @param {FileQueue} made */
const now = (made) => made.now?.name ?? "";
/** @param {FileQueue} made */
const next = (made) => made.next?.name ?? "";
/** @param {FileQueue} made @param {string} name */
const id = (made, name) => made.items.find((item) => item.name === name)?.id ?? 0;
/** Plays to the end, at most so many. @param {FileQueue} made @param {number} most */
function played(made, most = 10) {
  const names = [];
  for (let item = made.now; item !== null && names.length < most; item = made.next) {
    made.play(item.id);
    names.push(item.name);
  }
  return names.join("");
}

test("one after the other, once, or for ever", () => {
  assert.equal(played(queue()), "abc");
  const looped = queue();
  looped.loop = true;
  assert.equal(played(looped, 7), "abcabca");
  const alone = queue(["a"]);
  assert.equal(next(alone), "");
  alone.loop = true;
  assert.equal(next(alone), "a");
  assert.equal(new FileQueue().next, null);
});

test("others instead, and more at the end", () => {
  const made = queue();
  made.play(id(made, "c"));
  made.add(files("d"));
  assert.deepEqual([now(made), next(made)], ["c", "d"]);
  made.replace(files("x", "y"));
  assert.deepEqual([now(made), order(made)], ["x", "xy"]);
});

test("moved: what is on stays on, and what follows is another one", () => {
  const made = queue();
  made.play(id(made, "a"));
  assert.equal(made.move(id(made, "c"), -1, true), 2);
  assert.deepEqual([order(made), now(made), next(made)], ["acb", "a", "c"]);
  assert.equal(made.move(id(made, "a"), 1, true), 2);
  assert.deepEqual([order(made), next(made)], ["cab", "b"]);
  assert.equal(made.move(id(made, "b"), 1, true), null);
  assert.equal(made.move(id(made, "c"), -1, true), null);
  assert.equal(order(made), "cab");
});

test("moved before anything is on air: the first of the list is the first to be played", () => {
  const made = queue();
  made.move(id(made, "c"), -1, false);
  assert.deepEqual([order(made), now(made)], ["acb", "a"]);
  made.move(id(made, "c"), -1, false);
  assert.deepEqual([order(made), now(made), next(made)], ["cab", "c", "a"]);
});

test("taken out while it is on air: it goes on, and the one behind it follows", () => {
  const made = queue();
  made.play(id(made, "b"));
  made.remove(id(made, "b"), true);
  assert.deepEqual([now(made), next(made)], ["b", "c"]);
  made.remove(id(made, "a"), true);
  assert.equal(next(made), "c");
  made.remove(id(made, "c"), true);
  assert.equal(next(made), "");
  made.add(files("d"));
  assert.equal(next(made), "d");
});

test("taken out before it is on air: the next one is the first", () => {
  const made = queue();
  made.remove(id(made, "a"), false);
  assert.equal(now(made), "b");
  made.remove(id(made, "c"), false);
  made.remove(id(made, "b"), false);
  assert.equal(made.now, null);
});

test("what cannot be played is passed over", () => {
  const made = queue();
  made.broke(id(made, "a"));
  assert.equal(now(made), "b");
  made.broke(id(made, "c"));
  made.loop = true;
  assert.equal(next(made), "b");
  made.broke(id(made, "b"));
  assert.deepEqual([made.now, made.next], [null, null]);
  made.add(files("d"));
  assert.equal(now(made), "d");
  made.rewind();
  assert.equal(now(made), "d");
});

test("whatever is done to it, a loop plays each file in turn, and the next one is in the list", () => {
  const made = queue(["a", "b", "c", "d"]);
  made.loop = true;
  let seed = 7;
  const random = (/** @type {number} */ most) => (seed = (seed * 48_271) % 2_147_483_647) % most;
  for (let step = 0; step < 3000; step++) {
    const item = made.items[random(made.items.length || 1)];
    const what = random(5);
    if (what === 0) made.add(files(`f${step}`));
    if (what === 1 && item && made.items.length > 1) made.remove(item.id, true);
    if (what === 2 && item) made.move(item.id, random(2) === 0 ? -1 : 1, true);
    if (what > 2 && made.next) made.play(made.next.id);
    const { next } = made;
    assert.ok(next !== null && made.items.includes(next));
  }
  const all = new Set(made.items.map(({ name }) => name));
  const names = made.items.map(() => (made.play(made.next?.id ?? 0), now(made)));
  assert.deepEqual(new Set(names), all);
});
