import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { styleHashes } from "./chrome.mjs";

const hash = (/** @type {string} */ text) => `sha256-${createHash("sha256").update(text).digest("base64")}`;

test("every style of every component, once, as its own text and not a character more", () => {
  class One {
    static styles = "a{}";
    static getTemplateHTML() {
      return `<style>${this.styles}</style><b></b><style id="x">b{}</style>`;
    }
  }
  class Two extends One {}
  assert.deepEqual(styleHashes({ One, Two, helper: () => {}, none: null }), [hash("a{}"), hash("b{}")].sort());
});

test("a library that keeps its styles elsewhere stops the build", () => {
  assert.throws(() => styleHashes({ One: class {} }), /no styles/);
});
