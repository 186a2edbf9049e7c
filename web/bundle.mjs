// Our modules as browsers get them, by esbuild: what pages share stays in files of its own, which a browser has once; all
// without comments and with short names. As they stand in src/, those of the studio would be 126 kB, compressed, in 85
// files; what a page may have is 60.
import { build } from "esbuild";

/** Elsewhere below the assets, and not ours. */
const LIBRARIES = "/assets/vendor/*";

/**
 * @param {string} source folder @param {string} to folder, where they get the same names
 * @param {string[]} roots that pages name, by paths such as `pages/watch.js`
 * @returns {Promise<(path: string) => string[]>} what one of them imports at once, in turn, itself included, the nearest first
 */
export async function bundle(source, to, roots) {
  const { metafile } = await build({
    entryPoints: roots.map((path) => `${source}/${path}`),
    outbase: source,
    outdir: to,
    absWorkingDir: to,
    chunkNames: "lib/[hash]",
    external: [LIBRARIES],
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    minify: true,
    metafile: true,
    logLevel: "silent", // faults are thrown
  });
  return (path) => {
    const found = new Set([path]);
    // what is added while a set is walked is walked, too
    for (const one of found) for (const { kind, path: other } of metafile.outputs[one]?.imports ?? []) if (kind === "import-statement") found.add(other.replace("/assets/", ""));
    return [...found];
  };
}
