import assert from "node:assert/strict";
import { test } from "node:test";
import { arranged, followed, lastLive, withNews } from "./arrangement.js";

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {import("./types.js").Channel} Channel */

/** @param {string} channel @param {string} id @param {Partial<Broadcast>} [more] */
const show = (channel, id, more) => /** @type {Broadcast} */ ({ channel, id, state: "live", started_at: `2026-11-21T${id}:00Z`, ended_at: null, ...more });

/** @param {string} channel @param {Broadcast | null} [broadcast] @param {string | null} [last_live_at] @returns {Channel} */
const place = (channel, broadcast = null, last_live_at = null) => ({ channel, title: channel, broadcast, last_live_at });

const over = { state: /** @type {const} */ ("ended"), ended_at: "2026-11-21T20:00:00Z" };

test("who went live last comes first, and of the others who was live last", () => {
  const channels = [place("a"), place("b", show("b", "10:00")), place("c", show("c", "12:00")), place("d", null, "2026-11-20T12:00:00Z"), place("e", show("e", "11:00", over))];
  assert.deepEqual(arranged(channels), { live: ["c", "b"], others: ["e", "d", "a"] });
});

test("when a broadcast begins nothing moves: its card comes last, and its place among the others stays", () => {
  const before = arranged([place("a"), place("b", show("b", "10:00")), place("z")]);
  const now = followed(before, [place("a", show("a", "12:00")), place("b", show("b", "10:00")), place("z")]);
  assert.deepEqual(now, { live: ["b", "a"], others: ["a", "z"] });
});

test("when one of several ends nothing moves, and it is not there twice", () => {
  const before = { live: ["b", "a"], others: ["z"] };
  assert.deepEqual(followed(before, [place("a", show("a", "12:00")), place("b", show("b", "10:00", over)), place("z")]), before);
});

test("when the last one has ended there is no live one left", () => {
  assert.deepEqual(followed({ live: ["a"], others: ["z"] }, [place("a", show("a", "12:00", over)), place("z")]), { live: [], others: ["z", "a"] });
});

test("a channel that is gone leaves, and a new one comes last", () => {
  assert.deepEqual(followed({ live: ["a", "b"], others: ["y", "z"] }, [place("b", show("b", "10:00")), place("n"), place("z")]), { live: ["b"], others: ["z", "n"] });
});

test("the newest that is known of a channel counts, whoever told it", () => {
  const [told] = withNews([place("a", show("a", "10:00"))], [show("a", "10:00", over), show("a", "09:00")]);
  assert.equal(told?.broadcast?.state, "ended");
  const [asked] = withNews([place("a", show("a", "12:00"))], [show("a", "10:00", over)]);
  assert.equal(asked?.broadcast?.id, "12:00");
  assert.equal(withNews([place("a")], [])[0]?.broadcast, null);
});

test("until when a channel was live is known of its newest broadcast, or from the server", () => {
  assert.deepEqual([place("a", show("a", "10:00", over), "x"), place("a", null, "x"), place("a")].map(lastLive), [over.ended_at, "x", ""]);
});
