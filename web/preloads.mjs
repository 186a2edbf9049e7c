// Tells the browser at once which modules a page is made of: it would learn of each only from the
// one that imports it, and wait for the network as often as they are nested.

const SCRIPT = /<script type="module" src="\/assets\/([^"]+)">/g;
const IMPORT = /^(?:import|export)\b[^"']*?from\s*"([^"]+)"|^import\s*"([^"]+)"/gm;

/** What a page will import a moment later, whatever comes. @type {Record<string, string[]>} */
const LATER = { "watch.html": ["vendor/hls.mjs"], "embed.html": ["vendor/hls.mjs"] };

/**
 * The page with its preloads.
 * @param {string} html @param {string} name of the page
 * @param {(path: string) => Promise<string>} read a module below the assets
 */
export async function withPreloads(html, name, read) {
  const scripts = [...html.matchAll(SCRIPT)].map(([, path = ""]) => path);
  const found = await closure(scripts, read);
  const links = [...found].filter((path) => !scripts.includes(path)).concat(LATER[name] ?? []);
  return html.replace("</head>", `${links.map((path) => `  <link rel="modulepreload" href="/assets/${path}">\n`).join("")}</head>`);
}

/**
 * Every module that is imported statically from these, themselves included, the nearest first.
 * @param {string[]} roots @param {(path: string) => Promise<string>} read
 */
export async function closure(roots, read) {
  const found = new Set(roots);
  for (const path of found) {
    // what is added while a set is walked is walked, too
    for (const [, from, alone] of (await read(path)).matchAll(IMPORT)) found.add(resolve(path, from ?? alone ?? ""));
  }
  return found;
}

/** @param {string} importer @param {string} path */
function resolve(importer, path) {
  return new URL(path, `http://here/assets/${importer}`).pathname.replace("/assets/", "");
}
