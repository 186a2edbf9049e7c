// A channel in a list of channels.
import { fromTemplate, inside, setText, show } from "../lib/dom.js";
import { settingsPlace, studioPlace, watchPlace } from "../lib/places.js";
import { isOver } from "../lib/words.js";

/** @typedef {import("../lib/types.js").Channel} Channel */

/** @param {Channel} channel @param {string} [more] said beside its name */
export function channelRow(channel, more = "") {
  const { channel: name, title } = channel;
  const item = fromTemplate("channel");
  const heading = inside(item, ".title", HTMLAnchorElement);
  setText(heading, title || name);
  heading.href = settingsPlace(name);
  setText(inside(item, ".slug", HTMLElement), [name, more].filter(Boolean).join(" · "));
  show(inside(item, ".live", HTMLElement), channel.broadcast !== null && !isOver(channel.broadcast));
  show(inside(item, ".lock", HTMLElement), channel.private === true);
  const places = { watch: watchPlace(name), settings: settingsPlace(name), publish: studioPlace(name) };
  for (const [kind, href] of Object.entries(places)) lead(item, kind, href, name);
  return item;
}

/** @param {HTMLElement} item @param {string} kind @param {string} href @param {string} name */
function lead(item, kind, href, name) {
  const link = item.querySelector(`a.${kind}`);
  if (!(link instanceof HTMLAnchorElement)) return;
  link.href = href;
  link.ariaLabel = `${link.textContent}: ${name}`;
}
