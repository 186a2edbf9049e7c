import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "./closing.js";

const fresh = { sent: false, lostFor: null };
const live = { sent: true, lostFor: null };

for (const code of [1001, 1006, 1011, 1012, 1013, 1005, 4999]) {
  test(`${code} is tried again`, () => assert.equal(judge(code, "", live).action, "retry"));
}

for (const code of [4400, 4401, 4403, 4409, 4413, 4415, 4429]) {
  test(`${code} is final`, () => assert.equal(judge(code, "", live).action, "fail"));
}

test("the server may end a broadcast", () => assert.equal(judge(1000, "", live).action, "end"));

test("an expired token has its own words", () => {
  assert.equal(judge(4401, "The token expired at noon.", fresh).code, "token_expired");
  assert.equal(judge(4401, "invalid token", fresh).code, "not_authenticated");
});

test("the server's sentence is quoted for its own codes only", () => {
  assert.match(judge(4403, "Not yours.", fresh).message, /The server says: “Not yours”\.$/);
  assert.doesNotMatch(judge(1011, "trace", fresh).message, /trace/);
});

test("after a loss, a busy channel may be our own ghost, for as long as the resume window", () => {
  assert.equal(judge(4409, "", { sent: false, lostFor: 5000 }).action, "retry");
  assert.equal(judge(4409, "", { sent: false, lostFor: 61_000 }).action, "fail");
  assert.equal(judge(4409, "", { sent: true, lostFor: 5000 }).action, "fail");
});

test("nothing received: tried again only if something had been sent", () => {
  assert.equal(judge(4408, "", live).action, "retry");
  assert.equal(judge(4408, "", fresh).action, "fail");
});
