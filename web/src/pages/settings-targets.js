// Other places to which a channel is pushed.
import { call, channelPath } from "../lib/api.js";
import { byId, fromTemplate, inside, setAttribute, setOptions, setText, show } from "../lib/dom.js";
import { targetWords } from "../lib/labels.js";
import { act, confirmed, onSubmit, openDialog, settle, tell } from "./manage.js";

/** @typedef {import("../lib/types.js").Channel} Channel */
/** @typedef {import("../lib/types.js").Target} Target */

/** The usual ladder, where no broadcast tells what it is. */
const USUAL = ["720p", "480p", "360p"];

const list = byId("target-list", HTMLUListElement);
const dialog = byId("target-dialog", HTMLDialogElement);
const address = byId("target-url", HTMLInputElement);
const key = byId("target-key", HTMLInputElement);
const renditions = byId("target-rendition", HTMLSelectElement);

let channel = "";
/** What the usual renditions are here. @type {string[]} */
let usual = USUAL;
/** The target that the dialog is about; null: a new one. @type {Target | null} */
let changed = null;
/** @type {Map<string, HTMLElement>} */
const rows = new Map();
/** @type {Map<string, Target>} */
let latest = new Map();

/** @param {Channel} shown */
export async function showTargets({ channel: name, broadcast }) {
  channel = name;
  const made = broadcast?.renditions.map((rendition) => rendition.name) ?? [];
  usual = [...new Set([...made, ...USUAL])];
  await renderTargets();
}

/** Rows change in place: the focus that may be in one is not lost. */
export async function renderTargets() {
  /** @type {{ targets: Target[] }} */
  const { targets } = await call("GET", channelPath(channel, "targets"));
  latest = new Map(targets.map((target) => [target.id, target]));
  for (const [id, row] of rows) if (!latest.has(id)) (row.remove(), rows.delete(id));
  for (const target of targets) fillRow(rowOf(target), target);
}

/** @param {Target} target */
function rowOf(target) {
  const known = rows.get(target.id);
  if (known !== undefined) return known;
  const row = fromTemplate("target");
  inside(row, ".switch", HTMLButtonElement).addEventListener("click", () => act(() => toggle(target.id, row)));
  inside(row, ".change", HTMLButtonElement).addEventListener("click", () => openFor(latest.get(target.id) ?? target));
  inside(row, ".remove", HTMLButtonElement).addEventListener("click", () => askToRemove(latest.get(target.id) ?? target));
  rows.set(target.id, row);
  list.append(row);
  return row;
}

/** @param {HTMLElement} row @param {Target} target */
function fillRow(row, target) {
  const { words, level } = targetWords(target);
  setText(inside(row, ".url", HTMLElement), target.url);
  const tag = inside(row, ".tag", HTMLElement);
  setText(tag, words);
  setAttribute(tag, "class", `tag ${level}`);
  setText(inside(row, ".rendition", HTMLElement), target.rendition);
  setText(inside(row, ".message", HTMLElement), target.message ?? "");
  show(inside(row, ".message", HTMLElement), level === "bad");
  const button = inside(row, ".switch", HTMLButtonElement);
  setText(button, target.enabled ? "Turn off" : "Turn on");
  for (const one of row.querySelectorAll("button")) setAttribute(one, "aria-label", `${one.textContent}: ${target.url}`);
  setAttribute(row, "data-enabled", String(target.enabled));
}

/** @param {string} id @param {HTMLElement} row */
async function toggle(id, row) {
  const enabled = row.dataset.enabled !== "true";
  await call("PATCH", channelPath(channel, "targets", id), { enabled });
  await renderTargets();
  tell(enabled ? "It is pushed to while you are live." : "It is no longer pushed to.");
}

/** @param {Target} target */
function askToRemove({ id, url }) {
  const run = () => call("DELETE", channelPath(channel, "targets", id)).then(renderTargets);
  const question = { title: "Remove this place?", words: `The push to ${url} ends at once, and its key is forgotten.`, action: "Remove" };
  confirmed(question, run, () => settle("targets-title", "The place is removed."));
}

/** @param {Target | null} target to change; null: to add one */
function openFor(target) {
  changed = target;
  const names = [...new Set([...(target ? [target.rendition] : []), ...usual])];
  setOptions(renditions, names.map((value) => ({ value, label: value })));
  setText(byId("target-dialog-title", HTMLElement), target ? "Change this place" : "Push to another place");
  setText(byId("target-submit", HTMLButtonElement), target ? "Save" : "Add");
  openDialog("target-dialog");
  if (target) [address.value, renditions.value] = [target.url, target.rendition];
  renderKey();
}

/** A key is never shown, so it can only be given again: for another address it has to be. */
function renderKey() {
  key.required = changed === null || address.value.trim() !== changed.url;
  const kept = "It is kept encrypted, and never shown again.";
  setText(byId("target-key-hint", HTMLElement), key.required ? kept : "Leave it empty to keep the one that is there.");
}

onSubmit(byId("target-form", HTMLFormElement), async () => {
  const words = changed ? "The place is changed." : "The place is added.";
  const secret = key.value.trim();
  const values = { url: address.value.trim(), rendition: renditions.value, ...(secret && { key: secret }) };
  if (changed) await call("PATCH", channelPath(channel, "targets", changed.id), values);
  else await call("POST", channelPath(channel, "targets"), values);
  dialog.close();
  await renderTargets();
  tell(words);
});

address.addEventListener("input", renderKey);
dialog.addEventListener("close", () => (key.value = ""));
byId("new-target", HTMLButtonElement).addEventListener("click", () => openFor(null));
