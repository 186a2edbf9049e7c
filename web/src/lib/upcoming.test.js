import assert from "node:assert/strict";
import { test } from "node:test";
import { soonest, upcoming } from "./upcoming.js";

const NOW = Date.parse("2026-11-20T18:00:00Z"); // a Friday

/** @param {string | null} next_at @param {string} [next_title] */
const said = (next_at, next_title = "Late show") => upcoming({ next_at, next_title }, NOW, "en-GB", "UTC");

test("a countdown in words", () => {
  assert.deepEqual(said("2026-11-20T20:05:00Z"), { title: "Late show", words: "Begins in 2 h 5 min: 20:05." });
  assert.equal(said("2026-11-20T18:01:31Z")?.words, "Begins in 2 min: 18:01.");
  assert.equal(said("2026-11-20T18:01:30Z")?.words, "Begins in 90 seconds: 18:01.");
  assert.equal(said("2026-11-20T18:00:01Z")?.words, "Begins in 1 second: 18:00.");
  assert.equal(said("2026-11-22T20:00:00Z")?.words, "Begins in 2 days: Sunday 20:00.");
  assert.match(said("2026-12-24T20:00:00Z")?.words ?? "", /^Begins in 34 days: Thu.? 24 December.* 20:00\.$/);
});

test("late, and too late", () => {
  assert.deepEqual(said("2026-11-20T17:59:00Z", ""), { title: "The next broadcast", words: "Should begin any moment." });
  assert.equal(said("2026-11-20T17:29:00Z"), null);
});

test("nothing is announced", () => {
  assert.deepEqual([said(null, ""), said("soon"), upcoming({}, NOW)], [null, null, null]);
});

test("announced without a time", () => {
  assert.deepEqual(said(null), { title: "Late show", words: "No time is set yet." });
});

test("what was announced and has been is not to come", () => {
  const next = { next_at: "2026-11-20T17:40:00Z", next_title: "Late show" };
  const [before, after] = ["2026-11-20T17:30:00Z", "2026-11-20T17:55:00Z"];
  const words = (/** @type {object} */ more) => upcoming({ ...next, ...more }, NOW)?.words;
  assert.deepEqual([words({ broadcast: { ended_at: after } }), words({ broadcast: null, last_live_at: after })], [undefined, undefined]);
  for (const more of [{}, { broadcast: { ended_at: before } }, { last_live_at: before }, { broadcast: { ended_at: null } }]) {
    assert.equal(words(more), "Should begin any moment.");
  }
});

test("the first of several, and one without a time last", () => {
  const [undated, over, later, first] = [{ next_title: "Some day" }, { next_at: "2026-11-19T20:00:00Z" }, { next_at: "2026-11-21T20:00:00Z" }, { next_at: "2026-11-20T20:00:00Z" }];
  assert.equal(soonest([undated, over, later, first], NOW), first);
  assert.equal(soonest([over, undated, undated], NOW), undated);
  assert.equal(soonest([over], NOW), undefined);
});
