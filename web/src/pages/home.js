// The home page: who is live.
import { fetchBroadcasts } from "../lib/api.js";
import { byId, fromTemplate, inside, setAttribute, setText, show } from "../lib/dom.js";
import { EventFeed } from "../lib/events.js";
import { secondsSince, span } from "../lib/format.js";
import { describe, isOver, titleOf } from "../lib/words.js";

/** @typedef {import("../lib/types.js").Broadcast} Broadcast */

const SINCE_EVERY_MS = 15_000;
const RECENT_AT_MOST = 6;

const live = byId("live", HTMLUListElement);
const ended = byId("ended", HTMLUListElement);

/** @type {Map<string, HTMLElement>} */
const cards = new Map();
/** @type {Broadcast[]} */
let archive = [];

const feed = new EventFeed({ onchange: (_, fresh) => changed(fresh) });
setInterval(render, SINCE_EVERY_MS);

/** A snapshot names only what is open: what ended while we were away is asked for. @param {boolean} fresh */
function changed(fresh) {
  if (feed.state !== "connecting") render();
  if (fresh) refreshArchive();
}

async function refreshArchive() {
  const all = await fetchBroadcasts().catch(() => archive);
  archive = all.filter(isOver);
  render();
}

function render() {
  const open = feed.broadcasts.filter((broadcast) => !isOver(broadcast));
  show(byId("feed-lost", HTMLElement), feed.state === "lost");
  show(byId("empty", HTMLElement), open.length === 0 && feed.state === "open");
  if (feed.state === "open") setText(byId("summary", HTMLElement), summary(open));
  renderCards(open);
  renderEnded(new Set(open.map((broadcast) => broadcast.id)));
}

/** @param {Broadcast[]} open */
function summary(open) {
  if (open.length === 0) return "No broadcast at the moment.";
  return open.length === 1 ? "1 broadcast" : `${open.length} broadcasts`;
}

/** Cards stay where they are and change in place: focus and pictures are not lost. @param {Broadcast[]} open */
function renderCards(open) {
  const wanted = new Set(open.map((broadcast) => broadcast.id));
  for (const [id, card] of cards) {
    if (!wanted.has(id)) card.remove();
    if (!wanted.has(id)) cards.delete(id);
  }
  const order = open.sort((a, b) => Number(describe(b.state).live) - Number(describe(a.state).live));
  order.forEach((broadcast, place) => {
    const card = cardOf(broadcast);
    fillCard(card, broadcast);
    const there = live.children[place] ?? null;
    if (there !== card) live.insertBefore(card, there);
  });
}

/** @param {Broadcast} broadcast */
function cardOf(broadcast) {
  const known = cards.get(broadcast.id);
  if (known !== undefined) return known;
  const card = fromTemplate("card");
  const picture = inside(card, "img", HTMLImageElement);
  picture.onload = () => show(picture, true);
  picture.onerror = () => show(picture, false);
  cards.set(broadcast.id, card);
  return card;
}

/** @param {HTMLElement} card @param {Broadcast} broadcast */
function fillCard(card, broadcast) {
  const { badge, live: isLive } = describe(broadcast.state);
  setAttribute(card, "data-channel", broadcast.channel);
  setAttribute(card, "data-state", broadcast.state);
  fillLink(card, broadcast);
  setText(inside(card, ".initial", HTMLElement), broadcast.channel.slice(0, 1).toUpperCase());
  setText(inside(card, ".badge", HTMLElement), badge);
  inside(card, ".badge", HTMLElement).classList.toggle("on", isLive);
  setText(inside(card, ".since", HTMLElement), since(broadcast));
  const picture = inside(card, "img", HTMLImageElement);
  if (broadcast.poster !== null) setAttribute(picture, "src", broadcast.poster);
}

/** @param {HTMLElement} item @param {Broadcast} broadcast */
function fillLink(item, broadcast) {
  setAttribute(inside(item, "a", HTMLAnchorElement), "href", `/watch/${encodeURIComponent(broadcast.channel)}`);
  setText(inside(item, ".title", HTMLElement), titleOf(broadcast));
  setText(inside(item, ".channel", HTMLElement), broadcast.channel);
}

/** @param {Broadcast} broadcast */
function since(broadcast) {
  const seconds = secondsSince(broadcast.started_at, Date.now());
  switch (broadcast.state) {
    case "starting":
      return "starting now";
    case "interrupted":
      return "lost the connection, back soon";
    case "stalled":
    case "backing_off":
      return "a hiccup, back soon";
    default:
      return seconds < 60 ? "just went live" : `live since ${span(seconds)}`;
  }
}

/** @param {Set<string>} open */
function renderEnded(open) {
  const over = newest([...archive, ...feed.broadcasts.filter(isOver)], open);
  show(byId("recent", HTMLElement), over.length > 0);
  const rows = over.map(row);
  // News comes each second; a list that says the same is left alone, with the focus that may be in it.
  const same = ended.textContent === rows.map((item) => item.textContent).join("");
  if (!same) ended.replaceChildren(...rows);
}

/** @param {Broadcast[]} all @param {Set<string>} open */
function newest(all, open) {
  const unique = new Map(all.map((broadcast) => [broadcast.id, broadcast]));
  return [...unique.values()]
    .filter((broadcast) => !open.has(broadcast.id))
    .sort((a, b) => endOf(b).localeCompare(endOf(a)))
    .slice(0, RECENT_AT_MOST);
}

/** @param {Broadcast} broadcast */
function endOf(broadcast) {
  return broadcast.ended_at ?? broadcast.started_at;
}

/** @param {Broadcast} broadcast */
function row(broadcast) {
  const item = fromTemplate("row");
  fillLink(item, broadcast);
  const ago = span(secondsSince(endOf(broadcast), Date.now()));
  setText(inside(item, ".since", HTMLElement), `ended ${ago} ago`);
  return item;
}
