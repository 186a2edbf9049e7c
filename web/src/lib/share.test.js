import assert from "node:assert/strict";
import { test } from "node:test";
import { embedCode, needsLink, shared } from "./share.js";

const open = { origin: "https://tv.example", channel: "demo", title: "Demo", token: "", embeddable: true };

test("a public channel: its addresses", () => {
  const values = Object.fromEntries(shared(open).map(({ id, value }) => [id, value]));
  assert.equal(values.link, "https://tv.example/watch/demo");
  assert.equal(values.playlist, "https://tv.example/hls/demo/index.m3u8");
  assert.match(values.embed ?? "", /^<iframe src="https:\/\/tv\.example\/embed\/demo" .*allowfullscreen><\/iframe>$/);
});

test("no code for other sites where none may show it", () => {
  assert.deepEqual(shared({ ...open, embeddable: false }).map(({ id }) => id), ["link", "playlist"]);
});

test("a private one: what the viewer's own token opens, and what that means", () => {
  for (const { value, hint } of shared({ ...open, token: "a.b.c" })) {
    assert.match(value, /token=a\.b\.c/);
    assert.match(hint, /Whoever has it can watch/);
  }
});

test("a title cannot break out of the code", () => {
  const code = embedCode({ ...open, title: `"><script>&` });
  assert.match(code, /title="&quot;&gt;&lt;script&gt;&amp;"/);
});

test("who watches a private channel without a link has none to hand on", () => {
  assert.equal(needsLink({ private: false }, ""), "");
  assert.equal(needsLink({ private: true }, "a.b.c"), "");
  assert.equal(needsLink({ private: true, may: { manage: true } }, ""), "make");
  assert.equal(needsLink({ private: true, may: { manage: false } }, ""), "ask");
});
