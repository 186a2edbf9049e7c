// The player's keys.

/** @typedef {"toggle" | "mute" | "fullscreen" | "louder" | "softer" | "back" | "on" | "edge" | "help"} Action */

/** @type {Record<string, Action>} */
const KEYS = { " ": "toggle", k: "toggle", m: "mute", f: "fullscreen", ArrowUp: "louder", ArrowDown: "softer", ArrowLeft: "back", ArrowRight: "on", l: "edge", "?": "help" };

const FIELDS = new Set(["INPUT", "SELECT", "TEXTAREA"]);
const PRESSABLE = new Set(["BUTTON", "A", "SUMMARY"]);

/**
 * What a key press asks of the player. Nothing when it belongs to the browser (with Ctrl, Alt or
 * Meta), to a field, or, for the space bar, to the button that has the focus.
 * @param {{ key: string, ctrlKey: boolean, altKey: boolean, metaKey: boolean, target: { tagName?: string } | null }} event
 * @returns {Action | null}
 */
export function actionFor({ key, ctrlKey, altKey, metaKey, target }) {
  const tag = target?.tagName ?? "";
  if (ctrlKey || altKey || metaKey || FIELDS.has(tag)) return null;
  if (key === " " && PRESSABLE.has(tag)) return null;
  return KEYS[key.length === 1 ? key.toLowerCase() : key] ?? null;
}
