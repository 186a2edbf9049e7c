// Channels as cards: each stays the same element for as long as its channel is there, so neither
// focus nor picture is lost when news comes.
import { lastLive } from "../lib/arrangement.js";
import { fromTemplate, inside, setAttribute, setText, show } from "../lib/dom.js";
import { secondsSince, span } from "../lib/format.js";
import { ago } from "../lib/labels.js";
import { channelPlace, watchPlace } from "../lib/places.js";
import { upcoming } from "../lib/upcoming.js";
import { describe, isOver, titleOf } from "../lib/words.js";

/** @typedef {import("../lib/types.js").Broadcast} Broadcast */
/** @typedef {import("../lib/types.js").Channel} Channel */

export class Cards {
  /** @type {Map<string, HTMLElement>} */
  #cards = new Map();
  #template;
  #list;

  /** @param {"card" | "other"} template of a live channel, or of any @param {HTMLUListElement} list */
  constructor(template, list) {
    this.#template = template;
    this.#list = list;
  }

  get empty() {
    return this.#cards.size === 0;
  }

  /** @param {Channel[]} channels in this order */
  render(channels) {
    const wanted = new Set(channels.map(({ channel }) => channel));
    for (const [name, card] of this.#cards) if (!wanted.has(name)) (card.remove(), this.#cards.delete(name));
    channels.forEach((channel, place) => {
      const card = this.#card(channel.channel);
      if (this.#template === "card") fillLive(card, channel);
      else fillOther(card, channel);
      const there = this.#list.children[place] ?? null;
      if (there !== card) this.#list.insertBefore(card, there);
    });
  }

  /** @param {string} name */
  #card(name) {
    const known = this.#cards.get(name);
    if (known !== undefined) return known;
    const card = fromTemplate(this.#template);
    setAttribute(card, "data-channel", name);
    stand(inside(card, ".initial", HTMLElement), name);
    keepShown(inside(card, "img", HTMLImageElement));
    this.#cards.set(name, card);
    return card;
  }
}

/** What stands where there is no picture: an initial, on a colour of the channel's own. @param {HTMLElement} initial @param {string} name */
export function stand(initial, name) {
  setText(initial, name.slice(0, 1).toUpperCase());
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
  initial.parentElement?.style.setProperty("--hue", String(hue));
}

/** A picture that cannot be had leaves the initial below it. @param {HTMLImageElement} picture */
export function keepShown(picture) {
  picture.onload = () => picture.classList.add("shown");
  picture.onerror = () => picture.classList.remove("shown");
}

/** @param {HTMLImageElement} picture @param {string | null | undefined} address */
export function showPicture(picture, address) {
  if (address) setAttribute(picture, "src", address);
  else if (picture.hasAttribute("src")) (picture.removeAttribute("src"), picture.classList.remove("shown"));
}

/** What stands for a channel: what is on, its own picture, or what was on. @param {Channel} channel */
export function pictureOf({ broadcast, picture }) {
  const on = broadcast !== null && !isOver(broadcast);
  return (on ? broadcast.poster : null) ?? picture ?? broadcast?.poster ?? null;
}

/** What a channel is called, where its broadcast is not called so itself. @param {Channel} channel @param {string} said already */
function otherName({ channel, title }, said) {
  return title && title !== said ? title : channel;
}

/** @param {HTMLElement} card @param {Channel} channel */
function fillLive(card, channel) {
  const { broadcast } = channel;
  if (broadcast === null) return;
  const { badge, live, over, troubled } = describe(broadcast.state);
  setAttribute(card, "data-state", broadcast.state);
  card.classList.toggle("troubled", troubled);
  card.classList.toggle("over", over);
  setAttribute(inside(card, "a", HTMLAnchorElement), "href", over ? channelPlace(channel.channel) : watchPlace(channel.channel));
  setText(inside(card, ".title", HTMLElement), titleOf(broadcast));
  setText(inside(card, ".channel", HTMLElement), otherName(channel, titleOf(broadcast)));
  setText(inside(card, ".badge", HTMLElement), badge);
  inside(card, ".badge", HTMLElement).classList.toggle("on", live);
  setText(inside(card, ".since", HTMLElement), closed(channel) + since(broadcast));
  show(inside(card, ".viewers", HTMLElement), Boolean(broadcast.viewers) && !over);
  setText(inside(card, ".count", HTMLElement), (broadcast.viewers ?? 0).toLocaleString());
  showPicture(inside(card, "img", HTMLImageElement), pictureOf(channel));
}

/** @param {HTMLElement} card @param {Channel} channel */
function fillOther(card, channel) {
  const { broadcast } = channel;
  const on = broadcast !== null && !isOver(broadcast);
  const badge = inside(card, ".badge", HTMLElement);
  setAttribute(inside(card, "a", HTMLAnchorElement), "href", on ? watchPlace(channel.channel) : channelPlace(channel.channel));
  show(badge, on);
  setText(badge, on ? describe(broadcast.state).badge : "");
  badge.classList.toggle("on", on);
  setText(inside(card, ".title", HTMLElement), channel.title || channel.channel);
  const coming = on ? null : upcoming(channel, Date.now());
  setText(inside(card, ".next", HTMLElement), coming ? `${coming.title}: ${coming.words}` : "");
  setText(inside(card, ".since", HTMLElement), closed(channel) + (on ? since(broadcast) : quiet(channel)));
  showPicture(inside(card, "img", HTMLImageElement), pictureOf(channel));
}

/** Who may broadcast there sees it here, too. @param {Channel} channel */
function closed(channel) {
  return channel.private ? "Private · " : "";
}

/** @param {Broadcast} broadcast */
export function since({ state, started_at, ended_at }) {
  const seconds = secondsSince(started_at, Date.now());
  if (describe(state).over) return `Ended ${ago(ended_at ?? started_at, Date.now())}`;
  if (state === "starting") return "Starting now";
  if (state === "interrupted") return "Lost the connection, back soon";
  if (describe(state).troubled) return "A hiccup, back soon";
  return seconds < 60 ? "Just went live" : `Live for ${span(seconds)}`;
}

/** @param {Channel} channel which is not live */
export function quiet(channel) {
  const last = lastLive(channel);
  return last === "" ? "Not live yet" : `Last live ${ago(last, Date.now())}`;
}
