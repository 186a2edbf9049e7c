// The controls of the player: media-chrome, as one module, and what our policy has to know of it.
// Its components bring their styles as <style> elements, which "nothing inline" forbids: each is
// allowed by its hash, and nothing else is.
// It comes whole: the eleven components that we use, alone, would be 38 kB instead of 43, and take a bundler.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

const at = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

/** All of its components that play a part, minified, as a script that is to be a module. */
export const CHROME = at("node_modules/media-chrome/dist/iife/index.js");
export const CHROME_LICENSE = at("node_modules/media-chrome/LICENSE");

/** The pages whose policy allows these styles. */
const PAGES = ["watch.html", "embed.html"];
const STYLE = /<style(?: [^>]*)?>([^]*?)<\/style>/g;

/** Writes the module below `folder`, and the hashes where the server looks for them. */
export async function writeChrome(/** @type {string} */ folder) {
  const file = `${folder}/vendor/media-chrome.mjs`;
  await writeFile(file, `${await readFile(CHROME, "utf8")}\nexport default MediaChrome;\n`);
  const hashes = styleHashes((await import(pathToFileURL(file).href)).default);
  await writeFile(`${folder}/styles.json`, `${JSON.stringify(Object.fromEntries(PAGES.map((page) => [page, hashes])), null, 1)}\n`);
}

/**
 * Of every style of every component, as a policy names them. It draws for servers, too: so it can be asked here.
 * @param {Record<string, unknown>} components
 */
export function styleHashes(components) {
  const found = new Set();
  for (const component of Object.values(components)) {
    const { getTemplateHTML } = /** @type {{ getTemplateHTML?: (attributes: {}, properties: {}) => string }} */ (component ?? {});
    if (!getTemplateHTML) continue;
    for (const [, style = ""] of getTemplateHTML.call(component, {}, {}).matchAll(STYLE)) found.add(style);
  }
  if (found.size === 0) throw new Error("media-chrome has no styles where we look for them");
  return [...found].map((style) => `sha256-${createHash("sha256").update(style).digest("base64")}`).sort();
}
