// The player's keys: those that people know from elsewhere.

/** @typedef {"toggle" | "mute" | "fullscreen" | "louder" | "softer" | "back" | "on" | "farBack" | "farOn" | "start" | "edge" | "pip" | "help"} Action */
/** `tenth`: of what one can go back to. @typedef {{ action: Action, tenth?: undefined } | { action: "tenth", tenth: number }} Wish */

/** @type {Record<string, Action>} */
const KEYS = {
  " ": "toggle", k: "toggle", m: "mute", f: "fullscreen", i: "pip", "?": "help",
  ArrowUp: "louder", ArrowDown: "softer", ArrowLeft: "back", ArrowRight: "on",
  j: "farBack", l: "farOn", e: "edge", Home: "start", End: "edge",
};

const FIELDS = new Set(["INPUT", "SELECT", "TEXTAREA"]);
const PRESSABLE = /^(BUTTON|A|SUMMARY|MEDIA-.*-BUTTON)$/;
const MOVES_A_SLIDER = /^(Arrow|Home|End|Page)/;
const SCROLLS = /^(ArrowUp|ArrowDown|Home|End)$/; // the page, for who is elsewhere on it

/** @typedef {{ tagName?: string, type?: string }} Target */

/**
 * What a key press asks of the player. Nothing when it belongs to the browser (with Ctrl, Alt or
 * Meta), to a field, or, for the space bar, to the button that has the focus.
 * @param {{ key: string, ctrlKey: boolean, altKey: boolean, metaKey: boolean, inPlayer: boolean, target: Target | null }} event
 * @returns {Wish | null}
 */
export function wishOf({ key, ctrlKey, altKey, metaKey, inPlayer, target }) {
  if (ctrlKey || altKey || metaKey || belongsTo(target, key) || (SCROLLS.test(key) && !inPlayer)) return null;
  if (/^\d$/.test(key)) return { action: "tenth", tenth: Number(key) };
  const action = KEYS[key.length === 1 ? key.toLowerCase() : key];
  return action === undefined ? null : { action };
}

/** @param {Target | null} target @param {string} key */
function belongsTo(target, key) {
  const tag = target?.tagName ?? "";
  if (tag === "INPUT" && target?.type === "range") return MOVES_A_SLIDER.test(key);
  return FIELDS.has(tag) || ((key === " " || key === "Enter") && PRESSABLE.test(tag));
}
