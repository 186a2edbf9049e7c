import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "./closing.js";
import { GAP_CODE, GARBLED_CODE, SILENT_CODE, UNREADABLE_CODE } from "./connection.js";

/** @typedef {import("./connection.js").Closing} Closing */

/** @type {Closing} */
const live = { code: 0, reason: "", error: null, hello: "start", greeted: true, ready: true };
/** @type {Closing} */
const starting = { ...live, ready: false };
/** @type {Closing} */
const resuming = { ...starting, hello: "resume" };
const plainly = { finished: false, ghost: false, kept: false };

/** @param {Closing} closing @param {number} code @param {Partial<typeof plainly>} [circumstances] */
function action(closing, code, circumstances = {}) {
  return judge({ ...closing, code }, { ...plainly, ...circumstances }).action;
}

for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 4408, 4999, SILENT_CODE]) {
  test(`${code} is tried again, whenever it comes`, () => {
    assert.deepEqual([live, starting, resuming].map((closing) => action(closing, code)), ["retry", "retry", "retry"]);
  });
}

for (const code of [4400, 4413, 4415]) {
  test(`${code} is final`, () => {
    assert.deepEqual([live, starting, resuming].map((closing) => action(closing, code)), ["fail", "fail", "fail"]);
  });
}

for (const code of [4401, 4403]) {
  test(`${code} is final at the start; later what is kept waits for another permission`, () => {
    assert.deepEqual([live, starting, resuming].map((closing) => action(closing, code)), ["permit", "fail", "permit"]);
    assert.equal(action(starting, code, { kept: true }), "permit");
  });
}

for (const code of [1013, GARBLED_CODE]) {
  test(`${code} leaves the server in peace for longer`, () => assert.equal(action(resuming, code), "wait"));
}

test("too many attempts: final at the start, waited for while something is kept", () => {
  assert.deepEqual([starting, resuming].map((closing) => action(closing, 4429)), ["fail", "wait"]);
  assert.equal(action(starting, 4429, { kept: true }), "wait");
});

test("a broadcast that is over is begun afresh, unless all of it had been delivered", () => {
  assert.deepEqual([live, resuming, starting].map((closing) => action(closing, 4404)), ["afresh", "afresh", "fail"]);
  assert.equal(action(resuming, 4404, { finished: true }), "done");
  assert.deepEqual([action(live, GAP_CODE), action(live, UNREADABLE_CODE)], ["afresh", "afresh"]);
});

test("another publisher: busy before, taken over after, and for a moment our own ghost", () => {
  const code = 4409;
  assert.equal(judge({ ...starting, code }, plainly).code, "channel_busy");
  assert.equal(judge({ ...live, code }, plainly).code, "taken_over");
  assert.equal(judge({ ...resuming, code }, { ...plainly, ghost: true }).code, "taken_over");
  assert.equal(action(starting, code, { ghost: true }), "retry");
});

test("a failure of the broadcast itself is final, a mistake of the server's is not", () => {
  const error = { code: "internal_error", message: "The picture cannot be decoded.", retryAfter: 0 };
  const failed = judge({ ...live, code: 1011, error }, plainly);
  assert.equal(failed.action, "fail");
  assert.match(failed.message, /The server says: “The picture cannot be decoded”\.$/);
  assert.equal(action({ ...starting, error }, 1011), "retry");
  assert.equal(action({ ...resuming, error }, 1011), "retry");
});

test("an expired token has its own words", () => {
  const code = 4401;
  assert.equal(judge({ ...starting, code, reason: "The token expired at noon." }, plainly).code, "token_expired");
  assert.equal(judge({ ...starting, code, error: { code: "token_expired", message: "Late.", retryAfter: 0 } }, plainly).code, "token_expired");
  assert.equal(judge({ ...starting, code, reason: "invalid token" }, plainly).code, "not_authenticated");
  assert.equal(judge({ ...resuming, code, reason: "The token expired at noon." }, plainly).code, "token_expired");
  assert.equal(judge({ ...resuming, code: 4403, reason: "Taken back." }, plainly).code, "revoked");
});

test("the server's sentence is quoted where it is the last word", () => {
  assert.match(judge({ ...starting, code: 4403, reason: "Not yours." }, plainly).message, /The server says: “Not yours”\.$/);
  assert.doesNotMatch(judge({ ...live, code: 1012, reason: "trace" }, plainly).message, /trace/);
  assert.equal(judge({ ...live, code: 4409, reason: "Taken." }, plainly).message, "Another publisher took over this channel.");
});

test("where there is no room the server says why, and when to come back: once", () => {
  const full = (/** @type {string} */ message, /** @type {number} */ retryAfter) => judge({ ...resuming, code: 1013, error: { code: "no_capacity", message, retryAfter } }, plainly).message;
  assert.equal(full("Two are running. Try again in 15 s.", 15), "The server is full at the moment. It says: “Two are running. Try again in 15 s”.");
  assert.equal(full("Two are running.", 15), "The server is full at the moment. It says: “Two are running”. It may be asked again in 15 s.");
  const often = judge({ ...starting, code: 4429, error: { code: "too_many", message: "", retryAfter: 5 } }, plainly);
  assert.deepEqual([often.action, often.message], ["fail", "Too many attempts. It may be asked again in 5 s."]);
});
