// The first page: who is live, and the other channels.
import { call } from "../lib/api.js";
import { arranged, followed, isOn, withNews } from "../lib/arrangement.js";
import { byId, setText, show } from "../lib/dom.js";
import { EventFeed } from "../lib/events.js";
import { matches, summary } from "../lib/search.js";
import { soonest, upcoming } from "../lib/upcoming.js";
import { Cards } from "./cards.js";

/** @typedef {import("../lib/types.js").Channel} Channel */
/** @typedef {import("../lib/arrangement.js").Order} Order */

const TICK_MS = 15_000; // times are told in minutes
const ASK_AGAIN_MS = 60_000;

const search = byId("search", HTMLInputElement);
const live = new Cards("card", byId("live", HTMLUListElement));
const others = new Cards("other", byId("other-list", HTMLUListElement));

/** @type {Channel[] | null} */
let asked = null;
/** @type {Order | null} */
let order = null;
let asking = false;
/** Channels of which the news told first. @type {Set<string>} */
const heard = new Set();

const feed = new EventFeed({ onchange: (_, fresh) => (fresh || isUnknown() ? void ask() : render()) });
search.value = new URLSearchParams(location.search).get("q") ?? "";
setInterval(render, TICK_MS);
setInterval(() => document.hidden || void ask(), ASK_AGAIN_MS);

/** Somebody is live on a channel that was made a moment ago. What is asked just now may know it: the next news tells. */
function isUnknown() {
  if (asking) return false;
  const before = heard.size;
  for (const { channel } of feed.broadcasts) if (!asked?.some((one) => one.channel === channel)) heard.add(channel);
  return heard.size > before;
}

async function ask() {
  if (asking) return;
  asking = true;
  /** @type {{ channels: Channel[] } | null} */
  const answer = await call("GET", "/channels").catch(() => null);
  asking = false;
  if (answer !== null) asked = answer.channels;
  render();
}

function render() {
  show(byId("feed-lost", HTMLElement), feed.state === "lost");
  if (asked === null) return; // the places for cards stand there meanwhile
  const channels = withNews(asked, feed.broadcasts);
  order = order === null ? arranged(channels) : followed(order, channels);
  const found = channels.filter((channel) => matches(channel, search.value));
  live.render(inOrder(order.live, found));
  others.render(inOrder(order.others, found));
  renderAround(channels, found);
}

/** @param {string[]} names @param {Channel[]} channels */
function inOrder(names, channels) {
  return names.flatMap((name) => channels.find(({ channel }) => channel === name) ?? []);
}

/** What is said where there are no cards, and to those who do not see them. @param {Channel[]} channels @param {Channel[]} found */
function renderAround(channels, found) {
  const on = found.filter(isOn);
  const searched = search.value.trim();
  show(byId("waiting", HTMLElement), false);
  show(byId("no-channel", HTMLElement), channels.length === 0 && searched === "");
  show(byId("not-found", HTMLElement), found.length === 0 && searched !== "");
  show(byId("nobody", HTMLElement), live.empty && searched === "" && channels.length > 0);
  document.querySelector(".stage")?.classList.toggle("folded", live.empty && searched !== "" && found.length > 0);
  show(byId("others", HTMLElement), !others.empty);
  setText(byId("not-found-words", HTMLElement), `No channel matches “${searched}”.`);
  setText(byId("nobody-next", HTMLElement), next(channels));
  if (feed.state !== "connecting") setText(byId("summary", HTMLElement), summary(on.length, found.length - on.length, searched));
}

/** The first of all that is to come. @param {Channel[]} channels */
function next(channels) {
  const now = Date.now();
  const first = soonest(channels, now);
  const said = first && upcoming(first, now);
  return first && said ? `Next: ${said.title}, on ${first.title || first.channel}. ${said.words}` : "";
}

function searched() {
  const query = search.value.trim();
  order = null;
  render();
  // last: a browser may refuse it to who types fast
  history.replaceState(null, "", query === "" ? location.pathname : `?${new URLSearchParams({ q: query })}`);
}

function clear() {
  search.value = "";
  searched();
  search.focus();
}

/** A key that leads into the search, as in many places. @param {KeyboardEvent} event */
function pressed(event) {
  const typing = event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
  search.select();
}

search.addEventListener("input", searched);
byId("search-form", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
byId("clear-search", HTMLButtonElement).addEventListener("click", clear);
document.addEventListener("keydown", pressed);
// When nobody looks, everything may go to its place.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) order = null;
  render();
});
void ask();
