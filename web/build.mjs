// Puts together what the server serves: the pages as they are written, and the one library
// from npm. There is nothing to compile; browsers load the modules as they stand.
import { existsSync } from "node:fs";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const at = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

const DIST = at("dist");
// Both lie on the file system of dist, so that a rename is enough to swap, and where git and
// the server never look, so that a build that was cut short leaves nothing in the way.
const NEXT = at("node_modules/.dist-next");
const LAST = at("node_modules/.dist-last");

// The light build leaves out subtitles, alternative audio, encryption and ads, none of which
// we publish, and is a third smaller.
const LIBRARY = at("node_modules/hls.js/dist/hls.light.min.mjs");
const LICENCE = at("node_modules/hls.js/LICENSE");

/** Tests and fakes live beside the modules, and are nobody's business but ours. */
function published(/** @type {string} */ path) {
  return !/\.test\.js$|\/testing(\/|$)/.test(path);
}

async function assemble() {
  if (!existsSync(LIBRARY)) throw new Error("hls.js is not installed: run npm ci in web/ first");
  await rm(NEXT, { recursive: true, force: true });
  await cp(at("src"), NEXT, { recursive: true, filter: published });
  await mkdir(`${NEXT}/vendor`, { recursive: true });
  await cp(LIBRARY, `${NEXT}/vendor/hls.mjs`);
  await cp(LICENCE, `${NEXT}/vendor/hls.LICENSE`);
}

/** A whole new folder takes the place of the old: no request meets a half-written file. */
async function swap() {
  await rm(LAST, { recursive: true, force: true });
  await rename(DIST, LAST).catch(ignoreMissing);
  await rename(NEXT, DIST);
  await rm(LAST, { recursive: true, force: true });
}

function ignoreMissing(/** @type {NodeJS.ErrnoException} */ error) {
  if (error.code !== "ENOENT") throw error;
}

await assemble();
await swap();
