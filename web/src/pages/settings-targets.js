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
const renditions = byId("target-rendition", HTMLSelectElement);

let channel = "";
/** @type {Map<string, HTMLElement>} */
const rows = new Map();

/** @param {Channel} shown */
export async function showTargets({ channel: name, broadcast }) {
  channel = name;
  const made = broadcast?.renditions.map((rendition) => rendition.name) ?? [];
  setOptions(renditions, [...new Set([...made, ...USUAL])].map((value) => ({ value, label: value })));
  await renderTargets();
}

/** Rows change in place: the focus that may be in one is not lost. */
export async function renderTargets() {
  /** @type {{ targets: Target[] }} */
  const { targets } = await call("GET", channelPath(channel, "targets"));
  const there = new Set(targets.map(({ id }) => id));
  for (const [id, row] of rows) if (!there.has(id)) (row.remove(), rows.delete(id));
  for (const target of targets) fillRow(rowOf(target), target);
}

/** @param {Target} target */
function rowOf(target) {
  const known = rows.get(target.id);
  if (known !== undefined) return known;
  const row = fromTemplate("target");
  setText(inside(row, ".url", HTMLElement), target.url);
  inside(row, ".switch", HTMLButtonElement).addEventListener("click", () => act(() => toggle(target.id, row)));
  const remove = inside(row, ".remove", HTMLButtonElement);
  remove.ariaLabel = `Remove ${target.url}`;
  remove.addEventListener("click", () => askToRemove(target));
  rows.set(target.id, row);
  list.append(row);
  return row;
}

/** @param {HTMLElement} row @param {Target} target */
function fillRow(row, target) {
  const { words, level } = targetWords(target);
  const tag = inside(row, ".tag", HTMLElement);
  setText(tag, words);
  setAttribute(tag, "class", `tag ${level}`);
  setText(inside(row, ".rendition", HTMLElement), target.rendition);
  setText(inside(row, ".message", HTMLElement), target.message ?? "");
  show(inside(row, ".message", HTMLElement), level === "bad");
  const button = inside(row, ".switch", HTMLButtonElement);
  setText(button, target.enabled ? "Turn off" : "Turn on");
  setAttribute(button, "aria-label", `${button.textContent}: ${target.url}`);
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

onSubmit(byId("target-form", HTMLFormElement), async () => {
  const [url, key] = ["target-url", "target-key"].map((id) => byId(id, HTMLInputElement).value.trim());
  await call("POST", channelPath(channel, "targets"), { url, key, rendition: renditions.value });
  byId("target-dialog", HTMLDialogElement).close();
  await renderTargets();
  tell("The place is added.");
});

byId("new-target", HTMLButtonElement).addEventListener("click", () => openDialog("target-dialog"));
