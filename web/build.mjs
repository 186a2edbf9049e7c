// Puts together what the server serves: the pages, each with head, header and footer around it
// (page.mjs), our modules (slim.mjs), and libraries from npm. Nothing is bundled: what a browser has of one
// page it has for the next.
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { CHROME, CHROME_LICENSE, writeChrome } from "./chrome.mjs";
import { page } from "./page.mjs";
import { withPreloads } from "./preloads.mjs";
import { slimAll } from "./slim.mjs";

const at = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

const DIST = at("dist");
// Both lie on the file system of dist, so that a rename is enough to swap, and where git and
// the server never look, so that a build that was cut short leaves nothing in the way.
const NEXT = at("node_modules/.dist-next");
const LAST = at("node_modules/.dist-last");

// The light build leaves out subtitles, alternative audio, encryption and ads, and is a third smaller.
// Of these we publish alternative audio alone, and that only where it is wanted (encoder.separate_audio).
const PLAYER = at("node_modules/hls.js/dist/hls.light.min.mjs");
const WHOLE_PLAYER = at("node_modules/hls.js/dist/hls.min.mjs");
// Its module is not minified, and three times as large as the script, which is one but for a line.
const GRAPHS = at("node_modules/uplot/dist/uPlot.iife.min.js");
/** What is copied as it is, by its name here. */
const COPIES = {
  "hls.mjs": PLAYER,
  "hls-whole.mjs": WHOLE_PLAYER,
  "hls.LICENSE": at("node_modules/hls.js/LICENSE"),
  "media-chrome.LICENSE": CHROME_LICENSE,
  "uplot.css": at("node_modules/uplot/dist/uPlot.min.css"),
  "uplot.LICENSE": at("node_modules/uplot/LICENSE"),
};

/** Tests and fakes live beside the modules, and are nobody's business but ours; parts are in the pages. */
function published(/** @type {string} */ path) {
  return !/\.test\.js$|\/(testing|parts)(\/|$)/.test(path);
}

/** A page's source, with what it shares with others in its place: `<!-- part: player -->`. */
async function source(/** @type {string} */ name) {
  const text = await readFile(at(`src/${name}`), "utf8");
  const part = /^ *<!-- part: (\w+) -->\n/m.exec(text);
  return part === null ? text : text.split(part[0]).join(await readFile(at(`src/parts/${part[1]}.html`), "utf8"));
}

const built = (/** @type {string} */ path) => readFile(`${NEXT}/${path}`, "utf8");

async function assemble() {
  for (const [name, file] of [["hls.js", PLAYER], ["media-chrome", CHROME], ["uplot", GRAPHS]]) {
    if (!existsSync(`${file}`)) throw new Error(`${name} is not installed: run npm ci in web/ first`);
  }
  await rm(NEXT, { recursive: true, force: true });
  await cp(at("src"), NEXT, { recursive: true, filter: published });
  await mkdir(`${NEXT}/vendor`, { recursive: true });
  for (const [name, file] of Object.entries(COPIES)) await cp(file, `${NEXT}/vendor/${name}`);
  await writeFile(`${NEXT}/vendor/uplot.mjs`, `${await readFile(GRAPHS, "utf8")}\nexport default uPlot;\n`);
  await writeChrome(NEXT);
  for (const name of (await readdir(NEXT)).filter((one) => one.endsWith(".html"))) {
    await writeFile(`${NEXT}/${name}`, await withPreloads(page(await source(name), name), name, built));
  }
  for (const folder of ["lib", "pages"]) await slimAll(`${NEXT}/${folder}`, await readdir(`${NEXT}/${folder}`));
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
