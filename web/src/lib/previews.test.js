import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { Previews } from "./previews.js";

function begin() {
  /** @type {(string | null)[]} */
  const shown = [];
  /** @type {{ date: number, answer: (picture: string | null) => void }[]} */
  const asked = [];
  const grab = (/** @type {number} */ date) => /** @type {Promise<string | null>} */ (new Promise((answer) => asked.push({ date, answer })));
  return { shown, asked, previews: new Previews({ grab }, (picture) => shown.push(picture)) };
}

test("one at a time, and of what was passed over meanwhile only the newest", async () => {
  const { shown, asked, previews } = begin();
  for (const date of [10_000, 10_500, 20_000, 30_000, 40_000]) previews.want(date);
  assert.deepEqual(asked.map(({ date }) => date), [11_000]);
  asked[0]?.answer("ten");
  await settle();
  assert.deepEqual(asked.map(({ date }) => date), [11_000, 41_000]);
  asked[1]?.answer("forty");
  await settle();
  assert.equal(shown.at(-1), "forty");
  assert.equal(shown.includes("ten"), false, "the pointer had gone on");
  previews.want(11_900);
  await settle();
  assert.equal(shown.at(-1), "ten");
  assert.equal(asked.length, 2, "it is kept");
});

test("one that cannot be had is not asked for in a circle, and later again", async () => {
  const { shown, asked, previews } = begin();
  previews.want(10_000);
  asked[0]?.answer(null);
  await settle();
  assert.deepEqual([asked.length, shown.at(-1)], [1, null]);
  previews.leave();
  previews.want(10_000);
  assert.equal(asked.length, 2);
});

test("keeps sixty", async () => {
  const { asked, previews } = begin();
  for (let at = 0; at < 62; at++) {
    previews.want(at * 2000);
    asked.at(-1)?.answer(`picture ${at}`);
    await settle();
  }
  previews.want(10 * 2000);
  assert.equal(asked.length, 62);
  previews.want(0);
  assert.equal(asked.length, 63, "the oldest went");
});
