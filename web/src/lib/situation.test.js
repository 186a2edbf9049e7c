import assert from "node:assert/strict";
import { test } from "node:test";
import { awayWords, lossWords, renewalWords, restWords } from "./situation.js";

test("a loss is said, and none is not", () => {
  assert.equal(lossWords(0.3), "");
  assert.equal(lossWords(7.4), "7 s could not be delivered.");
  assert.equal(renewalWords(7.4, 3), "7 s could not be delivered. The 3 s that were not yet safe are kept, and begin a new one.");
  assert.equal(renewalWords(0, 0), "");
});

test("what becomes of what is recorded while the server is away", () => {
  const [usual, late, another] = [{ renewing: false, overdue: false }, { renewing: false, overdue: true }, { renewing: true, overdue: false }];
  assert.equal(awayWords(usual), "Recording goes on here; nothing is lost.");
  assert.match(awayWords(late), /probably ended.*what is kept here begins a new one/);
  assert.match(awayWords(another), /a new broadcast begins/);
  assert.match(restWords(usual), /^Recording has stopped; the rest is delivered/);
  assert.match(restWords(late), /probably ended.*the rest begins a new one/);
  assert.match(restWords(another), /the rest begins a new broadcast/);
});
