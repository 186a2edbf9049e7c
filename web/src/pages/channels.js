// The channels on which one may do something, and a new one.
import { call, fetchMyChannels } from "../lib/api.js";
import { byId, setText, show } from "../lib/dom.js";
import { nameFrom, settingsPlace } from "../lib/places.js";
import { channelRow } from "./channel-row.js";
import { begin, keepFresh, onSubmit, openDialog } from "./manage.js";

/** @typedef {import("../lib/types.js").User} User */
/** @typedef {import("../lib/types.js").Channel} Channel */

const EVERY_MS = 10_000;

const title = byId("title", HTMLInputElement);
const name = byId("name", HTMLInputElement);
let shown = "";
let ownName = false;

/** @param {User} user */
async function fill(user) {
  await render(user);
  keepFresh(() => render(user), EVERY_MS);
}

/** What has not changed stays, with the focus that may be in it. @param {User} user */
async function render(user) {
  const channels = await fetchMyChannels();
  const now = JSON.stringify(channels.map(({ channel, title, private: closed, broadcast }) => [channel, title, closed, broadcast?.state]));
  if (now === shown) return;
  shown = now;
  byId("channels", HTMLUListElement).replaceChildren(...channels.map((channel) => channelRow(channel, ownerWords(channel, user))));
  show(byId("channels", HTMLElement), channels.length > 0);
  show(byId("none", HTMLElement), channels.length === 0);
}

/** @param {Channel} channel @param {User} user */
function ownerWords({ owner }, user) {
  return owner && owner !== user.name ? `of ${owner}` : "";
}

function create() {
  ownName = false;
  openDialog("create-dialog");
  renderAddress();
}

function suggestName() {
  if (!ownName) name.value = nameFrom(title.value);
  renderAddress();
}

function renderAddress() {
  setText(byId("address", HTMLElement), `${location.host}/watch/${name.value || "…"}`);
}

onSubmit(byId("create-form", HTMLFormElement), async () => {
  const closed = new FormData(byId("create-form", HTMLFormElement)).get("visibility") === "private";
  await call("POST", "/channels", { name: name.value, title: title.value.trim(), private: closed });
  location.assign(settingsPlace(name.value));
});

title.addEventListener("input", suggestName);
name.addEventListener("input", () => {
  ownName = name.value !== "";
  renderAddress();
});
byId("create", HTMLButtonElement).addEventListener("click", create);
void begin(fill);
