// A channel's stream keys, and what to type into OBS.
import { call, channelPath } from "../lib/api.js";
import { byId, fromTemplate, inside, setText, show } from "../lib/dom.js";
import { ago, keyUse } from "../lib/labels.js";
import { ffmpegCommand, rtmpServer, serviceFile } from "../lib/obs.js";
import { confirmed, onSubmit, openDialog, save, settle } from "./manage.js";

/** @typedef {import("../lib/types.js").Channel} Channel */
/** @typedef {import("../lib/types.js").StreamKey} StreamKey */
/** @typedef {import("../lib/types.js").FreshKey} FreshKey */

const HINT = "A key is shown only when it is made. Make a new one above, and it stands here until you leave this page.";
const NO_KEY = "YOUR-STREAM-KEY";

const dialog = byId("fresh-dialog", HTMLDialogElement);

let channel = "";
let server = "";
/** The key that was made last on this page, in clear: nobody else has it. @type {FreshKey | null} */
let fresh = null;

/** @param {Channel} shown */
export async function showKeys(shown) {
  channel = shown.channel;
  if (shown.rtmp) {
    const found = rtmpServer(shown.rtmp, location.hostname);
    server = found.server;
    show(byId("far", HTMLElement), found.far);
  }
  renderObs();
  if (shown.may?.manage) return renderKeys();
  setText(byId("obs-key-hint", HTMLElement), "Ask the channel's owner for a key of your own. To go live from a browser you need none.");
}

async function renderKeys() {
  /** @type {{ keys: StreamKey[] }} */
  const { keys } = await call("GET", channelPath(channel, "keys"));
  byId("key-list", HTMLUListElement).replaceChildren(...keys.map(row));
  show(byId("no-keys", HTMLElement), keys.length === 0);
}

/** @param {StreamKey} key */
function row(key) {
  const item = fromTemplate("key");
  const now = Date.now();
  setText(inside(item, ".name", HTMLElement), nameOf(key));
  setText(inside(item, ".made", HTMLElement), `made ${ago(key.created_at, now)}`);
  setText(inside(item, ".used", HTMLElement), keyUse(key, now));
  bind(inside(item, ".renew", HTMLButtonElement), key, () => regenerate(key));
  bind(inside(item, ".revoke", HTMLButtonElement), key, () => revoke(key));
  return item;
}

/** @param {HTMLButtonElement} button @param {StreamKey} key @param {() => void} run */
function bind(button, key, run) {
  button.ariaLabel = `${button.textContent} ${nameOf(key)}`;
  button.addEventListener("click", run);
}

/** @param {StreamKey} key */
function nameOf({ label, id }) {
  return label || `Key ${id.slice(0, 6)}`;
}

/** @param {StreamKey} key */
function regenerate(key) {
  const words = "The old key stops working at once: whoever broadcasts with it is cut off. Your viewers' addresses stay as they are.";
  const run = async () => {
    keep(await call("POST", channelPath(channel, "keys", key.id, "regenerate")));
    await renderKeys();
  };
  confirmed({ title: `Regenerate “${nameOf(key)}”?`, words, action: "Regenerate" }, run, offer);
}

/** @param {StreamKey} key */
function revoke(key) {
  const words = "It stops working at once: whoever broadcasts with it is cut off. Your viewers' addresses stay as they are.";
  const run = async () => {
    await call("DELETE", channelPath(channel, "keys", key.id));
    if (fresh?.id === key.id) keep(null);
    await renderKeys();
  };
  confirmed({ title: `Revoke “${nameOf(key)}”?`, words, action: "Revoke" }, run, () => settle("keys-title", `${nameOf(key)} is revoked.`));
}

/** Shows the key that was just made, this once. */
function offer() {
  byId("fresh-key", HTMLInputElement).value = fresh?.key ?? "";
  byId("fresh-server", HTMLInputElement).value = server;
  dialog.showModal();
  byId("fresh-key", HTMLInputElement).select();
}

/** @param {FreshKey | null} key */
function keep(key) {
  fresh = key;
  renderObs();
}

function renderObs() {
  byId("server", HTMLInputElement).value = server;
  byId("ffmpeg", HTMLInputElement).value = ffmpegCommand(server, NO_KEY);
  byId("obs-key", HTMLInputElement).value = fresh?.key ?? "";
  byId("obs-key", HTMLInputElement).placeholder = fresh === null ? "not known here" : "";
  byId("service", HTMLButtonElement).disabled = fresh === null;
  const copy = byId("obs-key", HTMLInputElement).parentElement?.querySelector("button");
  if (copy) copy.disabled = fresh === null;
  if (fresh === null) return setText(byId("obs-key-hint", HTMLElement), HINT);
  byId("ffmpeg", HTMLInputElement).value = ffmpegCommand(server, fresh.key);
  setText(byId("obs-key-hint", HTMLElement), `This is “${nameOf(fresh)}”. It stands here until you leave this page.`);
}

function saveService() {
  if (fresh !== null) save("service.json", serviceFile(server, fresh.key), "application/json");
}

onSubmit(byId("key-form", HTMLFormElement), async () => {
  const label = byId("label", HTMLInputElement).value.trim();
  keep(await call("POST", channelPath(channel, "keys"), { label }));
  byId("key-dialog", HTMLDialogElement).close();
  await renderKeys();
  offer();
});

/** The key goes out of the dialog with it. */
dialog.addEventListener("close", () => {
  byId("fresh-key", HTMLInputElement).value = "";
  byId("keys-title", HTMLElement).focus();
});
byId("new-key", HTMLButtonElement).addEventListener("click", () => openDialog("key-dialog"));
byId("service", HTMLButtonElement).addEventListener("click", saveService);
byId("fresh-service", HTMLButtonElement).addEventListener("click", saveService);
