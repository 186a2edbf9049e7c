import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "./fault.js";
import { sitesIn } from "./sites.js";

test("sites as people paste them become origins", () => {
  const typed = "https://Example.org/page?x=1\nwww.example.net, http://10.0.0.7:8080/  localhost:3000\nhttps://*.example.org https://müller.de https://example.org";
  assert.deepEqual(sitesIn(typed), ["https://example.org", "https://www.example.net", "http://10.0.0.7:8080", "https://localhost:3000", "https://*.example.org", "https://xn--mller-kva.de"]);
  assert.deepEqual(sitesIn(" \n"), []);
  assert.deepEqual(sitesIn("*"), ["*"]);
});

test("what is no site is named", () => {
  for (const typed of ["ftp://example.org", "javascript:alert(1)", "https://", "https://user@example.org", "'self'", "https://[::1]", "https://ex*.org", "data:text/html,x"]) {
    assert.throws(() => sitesIn(typed), Fault, typed);
  }
  assert.throws(() => sitesIn("not_a site!"), /“not_a” is no site|“site!” is no site/);
});

test("no more than fit", () => {
  assert.throws(() => sitesIn(Array.from({ length: 21 }, (_, number) => `a${number}.org`).join(" ")), /21 sites; there may be 20/);
});
