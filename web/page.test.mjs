import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";
import { TAGS, page } from "./page.mjs";

const SOURCE = `<!--
title: Account
styles: manage graphs
script: account
referrer: same-origin
-->

  <main id="content">Hello</main>
`;

test("a page has its own title, styles and script, and the header and footer of all", () => {
  const text = page(SOURCE, "account.html");
  assert.match(text, /^<!doctype html>\n<html lang="en">\n<head>\n  <meta charset="utf-8">\n/);
  assert.match(text, /<title>Account · ingestd<\/title>/);
  assert.match(text, /style\.css">\n.*manage\.css">\n.*graphs\.css">\n.*account\.js"><\/script>\n.*header\.js/);
  assert.match(text, /content="same-origin"/);
  assert.match(text, /<\/header>\n\n  <main id="content">Hello<\/main>\n\n  <footer/);
  assert.ok(!text.includes("title: Account") && !text.includes(TAGS) && !text.includes("aria-current"));
});

test("the header says which page is this one", () => {
  assert.match(page(SOURCE.replace("-->", "here: broadcast\n-->"), "it"), /href="\/broadcast" aria-current="page"/);
  assert.match(page(SOURCE.replace("-->", "here: home\n-->"), "it"), /href="\/" aria-current="page"/);
});

test("an app has no footer, and a bare page no header either", () => {
  const app = page(SOURCE.replace("-->", "frame: app\n-->"), "it");
  const bare = page(SOURCE.replace("-->", "frame: bare\n-->"), "it");
  assert.ok(app.includes("<header") && !app.includes("<footer"));
  assert.ok(!bare.includes("<header") && !bare.includes("<footer") && !bare.includes("header.js"));
});

test("a page without JavaScript says so, in words of its own where it has them", () => {
  assert.match(page(SOURCE, "it"), /<noscript><p class="notice">This page needs JavaScript/);
  assert.equal(page(SOURCE.replace("Hello", "<noscript>Mine</noscript>"), "it").split("<noscript>").length, 2);
});

test("the place for the server's tags is there where it is asked for", () => {
  assert.ok(page(SOURCE.replace("-->", "tags: served\n-->"), "it").includes(TAGS));
});

for (const [what, source] of Object.entries({
  "no comment": "<main></main>",
  "no title": SOURCE.replace("title: Account\n", ""),
  "a word that means nothing": SOURCE.replace("styles", "style"),
  "a word without a value": SOURCE.replace("same-origin", ""),
  "an unknown frame": SOURCE.replace("-->", "frame: round\n-->"),
})) {
  test(`${what} stops the build, with the name of the page`, () => assert.throws(() => page(source, "it.html"), /^Error: it\.html/));
}

test("every page of ours can be made, and has one main part to skip to", async () => {
  const folder = new URL("src/", import.meta.url);
  for (const name of (await readdir(folder)).filter((one) => one.endsWith(".html"))) {
    const text = page(await readFile(new URL(name, folder), "utf8"), name);
    assert.equal(text.split(`<main id="content"`).length, 2, name);
  }
});
