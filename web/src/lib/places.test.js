import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcastIn, channelIn, diagnosisPlace, nameFrom, nextPlace, settingsPlace, signInPlace, studioPlace, watchPlace } from "./places.js";

const ORIGIN = "https://tv.example";

test("signing in leads back to where one came from", () => {
  const here = { pathname: "/channels/demo/settings", search: "?a=b&c" };
  const query = new URL(signInPlace(here), ORIGIN).search;
  assert.equal(nextPlace(query, ORIGIN), "/channels/demo/settings?a=b&c");
});

test("signing in never leads to another site, nor in a circle", () => {
  const away = ["//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "/\t/evil.example", "/..//evil.example", "evil", "", "/sign-in"];
  for (const next of away) {
    const place = nextPlace(`?next=${encodeURIComponent(next)}`, ORIGIN);
    assert.equal(new URL(place, ORIGIN).origin, ORIGIN, next);
    assert.doesNotMatch(place, /^\/[/\\]|sign-in/, next);
  }
  assert.equal(nextPlace("", ORIGIN), "/channels");
});

test("the channel in an address", () => {
  assert.equal(channelIn("/channels/demo/settings"), "demo");
  assert.equal(channelIn("/watch/a%20b/"), "a b");
  for (const other of ["/channels", "/channels/", "/watch/%E0%A4%A", "/"]) assert.equal(channelIn(other), "");
  for (const place of [settingsPlace("a/b"), watchPlace("a/b")]) assert.equal(channelIn(place), "a/b");
  assert.equal(studioPlace("a&b"), "/channels/a%26b/studio");
});

test("the broadcast in an address", () => {
  const place = diagnosisPlace({ channel: "a/b", id: "66112233aabbccdd" });
  assert.deepEqual([channelIn(place), broadcastIn(place)], ["a/b", "66112233aabbccdd"]);
  for (const other of ["/channels/demo/settings", "/channels/demo/broadcasts/", "/channels/demo/broadcasts/a/b"]) assert.equal(broadcastIn(other), "");
});

test("a title suggests a name that the server takes", () => {
  const names = { "Morning Show!": "morning-show", "  Ümläute é  ": "umlaute-e", "--a--": "a", "日本": "" };
  for (const [title, name] of Object.entries(names)) assert.equal(nameFrom(title), name);
  const long = nameFrom(`${"x".repeat(63)} y`);
  assert.match(long, /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/);
});
