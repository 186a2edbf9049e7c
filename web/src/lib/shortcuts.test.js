import assert from "node:assert/strict";
import { test } from "node:test";
import { wishOf } from "./shortcuts.js";

const press = { key: " ", ctrlKey: false, altKey: false, metaKey: false, inPlayer: true, target: { tagName: "BODY" } };

/** @param {string} key @param {{ tagName: string, type?: string }} [target] */
const actionOf = (key, target = press.target) => wishOf({ ...press, key, target })?.action ?? null;

test("keys that people know", () => {
  const keys = [" ", "k", "M", "f", "i", "?", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "j", "l", "e", "Home", "End", "x"];
  const actions = ["toggle", "toggle", "mute", "fullscreen", "pip", "help", "louder", "softer", "back", "on", "farBack", "farOn", "edge", "start", "edge", null];
  assert.deepEqual(keys.map((key) => actionOf(key)), actions);
  assert.deepEqual(wishOf({ ...press, key: "7" }), { action: "tenth", tenth: 7 });
});

test("outside the player the page scrolls as ever", () => {
  const keys = ["ArrowUp", "ArrowDown", "Home", "End", "ArrowLeft", " "];
  assert.deepEqual(keys.map((key) => wishOf({ ...press, key, inPlayer: false })?.action ?? null), [null, null, null, null, "back", "toggle"]);
});

test("what belongs to the browser, a field, a button, a slider", () => {
  assert.equal(wishOf({ ...press, key: "f", ctrlKey: true }), null);
  assert.equal(wishOf({ ...press, target: null })?.action, "toggle");
  for (const tagName of ["BUTTON", "SUMMARY", "MEDIA-PLAY-BUTTON"]) assert.equal(actionOf(" ", { tagName }), null);
  assert.equal(actionOf("m", { tagName: "MEDIA-PLAY-BUTTON" }), "mute");
  assert.deepEqual(["k", "5"].map((key) => actionOf(key, { tagName: "INPUT", type: "text" })), [null, null]);
  const slider = { tagName: "INPUT", type: "range" };
  assert.deepEqual(["ArrowLeft", "Home", "m", " "].map((key) => actionOf(key, slider)), [null, null, "mute", "toggle"]);
});
