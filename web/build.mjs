// Puts together what the server serves: the pages, each with head, header and footer around it
// (page.mjs), our modules (bundle.mjs), and libraries from npm.
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { CHROME, CHROME_LICENSE, writeChrome } from "./chrome.mjs";
import { page } from "./page.mjs";
import { scripts, withPreloads } from "./preloads.mjs";

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

/** Runs beside a page, which names it: a worker. */
const BESIDE = "lib/timer-worker.js";

/** What is served as it stands in src/: not the modules, nor what is put into pages. */
function published(/** @type {string} */ path) {
  return !/\/src\/(lib|pages|testing|parts)(\/|$)|\.html$/.test(path);
}

/** A page's source, with what it shares with others in its place: `<!-- part: player -->`. */
async function source(/** @type {string} */ name) {
  const text = await readFile(at(`src/${name}`), "utf8");
  const part = /^ *<!-- part: (\w+) -->\n/m.exec(text);
  return part === null ? text : text.split(part[0]).join(await readFile(at(`src/parts/${part[1]}.html`), "utf8"));
}

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
  const names = (await readdir(at("src"))).filter((one) => one.endsWith(".html"));
  const pages = await Promise.all(names.map(async (name) => /** @type {const} */ ([name, page(await source(name), name)])));
  const roots = new Set(pages.flatMap(([, html]) => scripts(html)));
  const imported = await bundle(at("src"), NEXT, [...roots, BESIDE]);
  for (const [name, html] of pages) await writeFile(`${NEXT}/${name}`, withPreloads(html, name, imported));
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
