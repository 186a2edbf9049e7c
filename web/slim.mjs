// Our modules as browsers get them: without comments and with short names.
// As they stand in src/, those of the studio would be 110 kB, compressed; what a page may have is 60.
import { readFile, writeFile } from "node:fs/promises";
import { minify } from "terser";

// Of all its ways to say it shorter those that gain most: the others take five times as long for another hundredth.
const SHORTER = ["arrows", "booleans", "collapse_vars", "comparisons", "conditionals", "evaluate", "if_return", "inline", "join_vars", "properties", "reduce_funcs", "reduce_vars", "sequences", "toplevel", "unused"];
const OPTIONS = {
  module: true,
  compress: { defaults: false, keep_classnames: true, ...Object.fromEntries(SHORTER.map((name) => [name, true])) },
  mangle: { keep_classnames: true },
};

/** A module that does the same. @param {string} text @param {string} name for faults, which stop the build */
export async function slim(text, name) {
  try {
    return (await minify({ [name]: text }, OPTIONS)).code ?? "";
  } catch (error) {
    throw new Error(`${name} is no module: ${error instanceof Error ? error.message : error}`);
  }
}

/** @param {string} folder @param {string[]} paths of modules in it, which are written anew */
export async function slimAll(folder, paths) {
  for (const path of paths) await writeFile(`${folder}/${path}`, await slim(await readFile(`${folder}/${path}`, "utf8"), path));
}
