import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "./fault.js";
import { localTime, momentOf } from "./moments.js";

const NOW = Date.parse("2026-11-20T18:00:00Z");

test("what is shown in the field comes back as the same moment", () => {
  for (const iso of ["2026-12-24T18:00:00.000Z", "2027-07-01T23:59:00.000Z"]) assert.equal(momentOf(localTime(iso), NOW), iso);
  assert.match(localTime("2026-12-24T18:00:00Z"), /^2026-12-2[345]T\d\d:\d\d$/);
});

test("nothing announced", () => {
  assert.equal(localTime(null), "");
  assert.equal(localTime("soon"), "");
  assert.equal(momentOf("", NOW), null);
});

test("what has passed, and what is no time, is said in words", () => {
  assert.throws(() => momentOf("2020-01-01T00:00", NOW), Fault);
  assert.throws(() => momentOf("2026-99-01T00:00", NOW), /no date/);
});
