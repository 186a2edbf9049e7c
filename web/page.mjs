// What every page has around its content: head, header and footer. A page begins with a comment
// that says what is its own, one line a thing, and goes on with what stands between header and footer:
//
//   <!--
//   title: Account
//   styles: manage
//   script: account
//   -->

/** What a page may say, and what holds when it does not. */
const DEFAULTS = {
  title: "", // of the tab; "ingestd" follows
  description: "", // for search engines
  styles: "", // names of style sheets beside style.css, in order
  script: "", // name of the module below pages/
  referrer: "", // same-origin, no-referrer: what other sites learn of the address
  here: "", // home, broadcast: the link of the header that is this very page
  frame: "full", // app: no footer, the page ends with its controls; bare: neither header nor footer
  tags: "", // served: the server puts in what other sites show of a link (web/cards.py)
};

/** @typedef {typeof DEFAULTS} Facts */

const FRAMES = ["full", "app", "bare"];

/** Where the server puts in its tags. */
export const TAGS = "<!-- tags -->";

/** The whole page of a source. `name` is for faults, which stop the build. */
export function page(/** @type {string} */ source, /** @type {string} */ name) {
  const said = /^<!--\n([^]*?)\n-->\n+/.exec(source);
  if (!said) throw new Error(`${name} does not begin with a comment that says its title`);
  const facts = read(said[1] ?? "", name);
  const content = source.slice(said[0].length).trimEnd();
  const parts = [head(facts), "<body>"];
  if (facts.frame !== "bare") parts.push(header(facts.here));
  parts.push(content);
  if (facts.frame === "full") parts.push(FOOTER);
  if (!content.includes("<noscript>")) parts.push(`  <noscript><p class="notice">This page needs JavaScript.</p></noscript>`);
  return `${parts.join("\n")}\n</body>\n</html>\n`;
}

/** @returns {Facts} */
function read(/** @type {string} */ lines, /** @type {string} */ name) {
  const facts = { ...DEFAULTS };
  for (const line of lines.split("\n")) {
    const [key = "", value] = line.split(/: +(.*)/);
    if (!(key in facts) || !value) throw new Error(`${name}: “${line}” is none of ${Object.keys(facts).join(", ")} with a value`);
    facts[/** @type {keyof Facts} */ (key)] = value;
  }
  if (!facts.title || !facts.script) throw new Error(`${name} has no title or no script`);
  if (!FRAMES.includes(facts.frame)) throw new Error(`${name}: the frame is one of ${FRAMES.join(", ")}`);
  return facts;
}

function head(/** @type {Facts} */ facts) {
  const scripts = facts.frame === "bare" ? [facts.script] : [facts.script, "header"];
  const lines = [
    `<meta charset="utf-8">`,
    `<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">`,
    `<meta name="color-scheme" content="light dark">`,
    facts.description && `<meta name="description" content="${facts.description}">`,
    facts.referrer && `<meta name="referrer" content="${facts.referrer}">`,
    `<title>${facts.title} · ingestd</title>`,
    facts.tags && TAGS,
    `<link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">`,
    ...["style", ...words(facts.styles)].map((style) => `<link rel="stylesheet" href="/assets/${style}.css">`),
    ...scripts.map((script) => `<script type="module" src="/assets/pages/${script}.js"></script>`),
  ];
  const text = lines.filter(Boolean).map((line) => `  ${line}\n`).join("");
  return `<!doctype html>\n<html lang="en">\n<head>\n${text}</head>`;
}

function words(/** @type {string} */ text) {
  return text.split(" ").filter(Boolean);
}

function header(/** @type {string} */ here) {
  const current = (/** @type {string} */ name) => (name === here ? ` aria-current="page"` : "");
  const broadcast =
    here === "home"
      ? `<a class="button primary small" href="/broadcast"><svg class="icon" aria-hidden="true"><use href="/assets/icons.svg#signal"></use></svg> Go live</a>`
      : `<a href="/broadcast"${current("broadcast")}>Broadcast</a>`;
  return `  <a class="skip" href="#content">Skip to the content</a>
  <header class="site">
    <a class="brand" href="/"><img src="/assets/favicon.svg" alt="" width="28" height="28"> ingestd</a>
    <nav aria-label="Pages">
      <a class="home-link" href="/"${current("home")}>Live now</a>
      ${broadcast}
      <div id="person" class="person"></div>
    </nav>
  </header>
`;
}

const FOOTER = `
  <footer class="site">Served by <strong>ingestd</strong>, a self-hosted live-streaming origin. <a href="/diagnose">Check browser and connection</a></footer>`;
