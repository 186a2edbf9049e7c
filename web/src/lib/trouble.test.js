import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcast } from "../testing/broadcast.js";
import { errorScreen, waitingWords } from "./trouble.js";

test("every failure says what to do, and each says something else", () => {
  const failures = /** @type {const} */ (["network", "forbidden", "missing", "media", "unsupported", "other"]);
  const screens = failures.map((failure) => errorScreen(failure, true));
  assert.equal(new Set(screens.map(({ title }) => title)).size, failures.length);
  for (const { title, words, action } of screens) assert.ok(title && words && action);
  assert.equal(errorScreen(null, true), errorScreen("other", true));
  assert.equal(errorScreen("network", false).title, "You are offline");
  assert.equal(errorScreen("media", false).title, "This device cannot show the picture");
});

test("what is said while the picture stands", () => {
  const live = broadcast();
  assert.equal(waitingWords(live, null, true), "", "it only begins");
  assert.equal(waitingWords(broadcast({ state: "ended" }), null, true), "");
  assert.match(waitingWords(broadcast({ state: "interrupted" }), null, true), /broadcaster lost the connection/);
  assert.match(waitingWords(live, "network", true), /server does not answer/);
  assert.match(waitingWords(live, "media", true), /Trying again/);
  assert.match(waitingWords(live, "network", false), /You are offline/);
});
