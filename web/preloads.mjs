// Tells the browser at once which modules a page is made of: it would learn of each only from the
// one that imports it, and wait for the network as often as they are nested.

const SCRIPT = /<script type="module" src="\/assets\/([^"]+)">/g;

/** What a page will import a moment later, whatever comes. @type {Record<string, string[]>} */
const LATER = { "watch.html": ["vendor/hls.mjs"], "embed.html": ["vendor/hls.mjs"] };

/** The modules that a page names. @param {string} html */
export function scripts(html) {
  return [...html.matchAll(SCRIPT)].map(([, path = ""]) => path);
}

/**
 * The page with its preloads.
 * @param {string} html @param {string} name of the page
 * @param {(path: string) => string[]} imported what a module imports at once, in turn
 */
export function withPreloads(html, name, imported) {
  const named = scripts(html);
  const found = [...new Set(named.flatMap(imported))].filter((path) => !named.includes(path)).concat(LATER[name] ?? []);
  return html.replace("</head>", `${found.map((path) => `  <link rel="modulepreload" href="/assets/${path}">\n`).join("")}</head>`);
}
