// Puts a module into the one that imports it, where no other does: what a page loads is packed file by file, and the
// smaller the files, the less each gains by it. What several import stays a file of its own, which a browser has once.

/** As all of ours are written: one line each. */
const IMPORT = /^import (\{[^}]*\}|\* as \w+|\w+) from "([^"]+)";\n/gm;
const EXPORT = /^export (?=(?:async )?(?:const|function\*?|class) )/gm;
const COMMENT = /\/\*\*[^]*?\*\//g;
/** Loaded later, or named by a place that is reckoned from the module's own. */
const LATER = /(?:\bimport|new URL)\("([^"]+\.js)"/g;
const PLACED = /\bimport\.meta\b|\bimport\("\./;

/** `name` there, `as` here; "*": all of it. @typedef {{ name: string, as: string, from: string }} Import */

/** @param {string} path @param {string} from of a module that is imported there */
function resolve(path, from) {
  return new URL(from, `http://here/assets/${path}`).pathname.replace("/assets/", "");
}

/** @param {string} path @param {string} other @returns {string} by which the first one imports the other */
function relative(path, other) {
  const [[folder], [there]] = [path.split("/"), other.split("/")];
  return folder === there ? `./${other.split("/")[1]}` : there === "vendor" ? `/assets/${other}` : `../${other}`;
}

/** @param {string} path @param {string} text */
function read(path, text) {
  /** @type {Import[]} */
  const imports = [];
  for (const [, clause = "", from = ""] of text.matchAll(IMPORT)) {
    const names = clause.startsWith("{") ? clause.slice(1, -1).split(",").map((name) => name.trim()).filter(Boolean) : [clause.startsWith("*") ? clause : `default as ${clause}`];
    for (const one of names) {
      const [name = "", as = name] = one.split(" as ");
      imports.push({ name, as, from: resolve(path, from) });
    }
  }
  const code = text.replace(COMMENT, ""); // in which types are imported
  const later = [...code.matchAll(LATER)].map(([, from = ""]) => resolve(path, from));
  return { imports, later, placed: PLACED.test(code), body: text.replace(IMPORT, "") };
}

/**
 * All modules as browsers get them. Those that are in another one are among them, too, and are loaded by nobody.
 * @param {Map<string, string>} texts by paths such as `lib/words.js` @returns {Map<string, string>}
 */
export function weld(texts) {
  const modules = new Map([...texts].map(([path, text]) => [path, read(path, text)]));
  const at = (/** @type {string} */ path) => modules.get(path) ?? { imports: [], later: [], placed: true, body: "" };
  const importers = (/** @type {string} */ path) => [...modules].filter(([, { imports }]) => imports.some(({ from }) => from === path)).map(([one]) => one);
  /** @type {(path: string, other: string, seen?: Set<string>) => boolean} */
  const reaches = (path, other, seen = new Set()) =>
    path === other || at(path).imports.some(({ from }) => !seen.has(from) && reaches(from, other, seen.add(from)));
  const later = new Set([...modules.values()].flatMap((one) => one.later));
  const homes = new Map([...modules].map(([path, { placed }]) => {
    const [home, ...others] = importers(path);
    const alone = home !== undefined && others.length === 0 && !later.has(path) && !placed && !reaches(path, home);
    return [path, alone ? home : ""];
  }));

  /** What stands in a module, with others in it. @param {string} path @param {Map<string, Import>} outside what that takes from files of their own @returns {string} */
  const compose = (path, outside) => {
    const { imports, body } = at(path);
    const inner = [...new Set(imports.map(({ from }) => from))].filter((from) => homes.get(from) === path);
    const made = inner.map((from) => {
      const taken = imports.filter((one) => one.from === from);
      const names = [...texts.get(from)?.matchAll(/^export (?:async )?(?:const|function\*?|class) (\w+)/gm) ?? []].map(([, name]) => name);
      const whole = taken.find(({ name }) => name === "*");
      const wanted = whole ? names : [...new Set(taken.map(({ name }) => name))];
      const left = whole ? whole.as : `{ ${taken.map(({ name, as }) => `${name}: ${as}`).join(", ")} }`;
      return `const ${left} = (() => {\n${compose(from, outside).replace(EXPORT, "")}\nreturn { ${wanted.join(", ")} };\n})();\n`;
    });
    const given = imports.filter(({ from }) => !inner.includes(from)).map((one) => {
      const as = `${one.name === "*" ? "all" : one.name}$${one.from.replace(/\W/g, "_")}`;
      outside.set(as, { ...one, as });
      return `const ${one.as} = ${as};\n`;
    });
    return [...given, ...made, body].join("");
  };

  return new Map([...texts.keys()].map((path) => {
    /** @type {Map<string, Import>} */
    const outside = new Map();
    const text = compose(path, outside);
    const lines = [...outside.values()].map(({ name, as, from }) => `import ${name === "*" ? `* as ${as}` : `{ ${name} as ${as} }`} from "${relative(path, from)}";\n`);
    return [path, lines.join("") + text];
  }));
}
