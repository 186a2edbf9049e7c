import assert from "node:assert/strict";
import { test } from "node:test";
import { matches, summary } from "./search.js";

const CAFE = /** @type {import("./types.js").Channel} */ ({ channel: "cafe", title: "Café Zürich", description: "Jazz every\nevening", next_title: "Carols", broadcast: { title: "Ibrahim Maalouf" } });

test("found by its name, title, description, what is on and what is to come", () => {
  for (const query of ["cafe", "CAFÉ zurich", "jazz evening", "maalouf", "carols", "caf", " ", "", "Ｊａｚｚ"]) assert.ok(matches(CAFE, query), query);
  for (const query of ["tea", "jazz tea", "."]) assert.ok(!matches(CAFE, query), query);
});

test("a channel of which nothing else is known", () => {
  assert.ok(matches({ channel: "demo", title: "", broadcast: null }, "demo"));
});

test("the result in a sentence", () => {
  assert.equal(summary(0, 1, ""), "Nobody is live. 1 channel.");
  assert.equal(summary(2, 3, " "), "2 live, 3 more channels.");
  assert.equal(summary(1, 0, "jazz"), "1 channel found, 1 live.");
  assert.equal(summary(0, 0, " jazz "), "No channel found for “jazz”.");
});
