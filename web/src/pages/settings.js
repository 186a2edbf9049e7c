// A channel's settings: its details here, and the other parts of the page from their modules.
import { ApiError, call, channelPath, fetchChannel } from "../lib/api.js";
import { byId, setAttribute, setText, show } from "../lib/dom.js";
import { visibility } from "../lib/labels.js";
import { channelIn, channelPlace, diagnosisPlace, studioPlace } from "../lib/places.js";
import { describe, isOver } from "../lib/words.js";
import { begin, confirmed, keepFresh, onSubmit, tell } from "./manage.js";
import { showFront } from "./settings-front.js";
import { showKeys } from "./settings-keys.js";
import { showLinks } from "./settings-links.js";
import { showPeople } from "./settings-people.js";
import { showSites } from "./settings-sites.js";
import { showSource } from "./settings-source.js";
import { renderTargets, showTargets } from "./settings-targets.js";

/** @typedef {import("../lib/types.js").Channel} Channel */
/** @typedef {import("../lib/types.js").User} User */

const EVERY_MS = 2000;

const name = channelIn(location.pathname);
const form = byId("details-form", HTMLFormElement);
const title = byId("title", HTMLInputElement);
const description = byId("description", HTMLTextAreaElement);
const record = byId("record", HTMLInputElement);

/** @param {User} user */
async function fill(user) {
  const channel = await fetchChannel(name);
  const manages = channel.may?.manage === true;
  if (!manages && !channel.may?.publish) throw new ApiError("not_allowed", "These settings are for the channel’s owner, for those who may broadcast on it, and for admins.");
  limit(channel);
  renderHead(channel);
  renderDetails(channel);
  showLinks(channel);
  showFront(channel);
  showSites(channel);
  const parts = manages ? [showKeys(channel), showPeople(channel, user), showTargets(channel)] : [showKeys(channel)];
  await Promise.all(parts);
  await refresh(manages);
  keepFresh(() => refresh(manages), EVERY_MS);
}

/** Who may only broadcast sees what is of use to them. @param {Channel} channel */
function limit({ may }) {
  for (const part of document.querySelectorAll('[data-right="manage"]')) {
    if (part instanceof HTMLElement) show(part, may?.manage === true);
  }
  show(byId("limited", HTMLElement), may?.manage !== true);
}

/** What changes while one looks at it. @param {boolean} manages */
async function refresh(manages) {
  const channel = await fetchChannel(name);
  renderAir(channel);
  await showSource(channel);
  if (manages) await renderTargets();
}

/** @param {Channel} channel */
function renderHead(channel) {
  const words = channel.title || name;
  setText(byId("heading", HTMLElement), words);
  document.title = `${words}: settings · ingestd`;
  setText(byId("slug", HTMLElement), name);
  setText(byId("visibility", HTMLElement), visibility(channel));
  byId("watch", HTMLAnchorElement).href = channelPlace(name);
  byId("publish", HTMLAnchorElement).href = studioPlace(name);
  for (const part of document.querySelectorAll("[data-private]")) {
    if (part instanceof HTMLElement) show(part, channel.private === true && channel.may?.manage === true);
  }
}

/** @param {Channel} channel */
function renderAir({ broadcast, may }) {
  const on = broadcast !== null && !isOver(broadcast);
  setText(byId("air", HTMLElement), on ? describe(broadcast.state).badge.toLowerCase() : "not on air");
  const link = byId("diagnosis", HTMLAnchorElement);
  show(link, broadcast !== null && may?.manage === true);
  if (broadcast === null) return;
  setText(link, on ? "How it goes" : "How the last one went");
  setAttribute(link, "href", diagnosisPlace(broadcast));
}

/** @param {Channel} channel */
function renderDetails(channel) {
  title.value = channel.title;
  description.value = channel.description ?? "";
  record.checked = channel.record === true;
  show(byId("record-field", HTMLElement), channel.record !== undefined);
  choose(channel.private === true ? "private" : "public");
}

/** @param {string} value */
function choose(value) {
  for (const radio of form.querySelectorAll('input[name="visibility"]')) {
    if (radio instanceof HTMLInputElement) radio.checked = radio.value === value;
  }
}

function wanted() {
  const closed = new FormData(form).get("visibility") === "private";
  const changes = { title: title.value.trim(), description: description.value, private: closed };
  return byId("record-field", HTMLElement).hidden ? changes : { ...changes, record: record.checked };
}

onSubmit(form, async () => {
  const channel = await call("PATCH", channelPath(name), wanted());
  renderHead(channel);
  renderDetails(channel);
  showSites(channel);
  tell("Saved.");
});

byId("delete-channel", HTMLButtonElement).addEventListener("click", () => {
  const words = `Everything of “${name}” is deleted: keys, rights and places to push to. This cannot be undone.`;
  confirmed({ title: "Delete this channel?", words, action: "Delete channel" }, async () => {
    await call("DELETE", channelPath(name));
    location.assign("/channels");
  });
});

void begin(fill);
