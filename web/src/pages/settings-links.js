// Links that let people watch a private channel.
import { call, channelPath } from "../lib/api.js";
import { byId, fromTemplate, inside, setText, show } from "../lib/dom.js";
import { left } from "../lib/labels.js";
import { playlistLink, watchLink } from "../lib/watch-links.js";
import { confirmed, onSubmit, settle, tell } from "./manage.js";

/** @typedef {import("../lib/types.js").Channel} Channel */
/** @typedef {import("../lib/types.js").FreshToken} FreshToken */

const list = byId("link-list", HTMLUListElement);

let channel = "";

/** @param {Channel} shown */
export function showLinks(shown) {
  channel = shown.channel;
}

onSubmit(byId("link-form", HTMLFormElement), async () => {
  const lifetime = Number(byId("lifetime", HTMLSelectElement).value);
  /** @type {FreshToken} */
  const made = await call("POST", channelPath(channel, "tokens"), { scope: "watch", lifetime });
  const item = row(made);
  list.prepend(item);
  show(byId("link-note", HTMLElement), true);
  inside(item, "button", HTMLButtonElement).focus();
  tell("The watch link is made. Copy it now.");
});

/** @param {FreshToken} made */
function row(made) {
  const item = fromTemplate("link");
  inside(item, ".address", HTMLInputElement).value = watchLink(location.origin, channel, made.token);
  inside(item, ".playlist", HTMLInputElement).value = playlistLink(location.origin, channel, made.token);
  setText(inside(item, ".expires", HTMLElement), `${left(made.expires_at, Date.now())} · id ${made.id}`);
  inside(item, ".revoke", HTMLButtonElement).addEventListener("click", () => revoke(made, item));
  return item;
}

/** @param {FreshToken} made @param {HTMLElement} item */
function revoke({ id }, item) {
  const run = async () => {
    await call("DELETE", `/tokens/${encodeURIComponent(id)}`);
    item.remove();
  };
  const question = { title: "Revoke this watch link?", words: "Whoever watches by it cannot go on.", action: "Revoke" };
  confirmed(question, run, () => settle("links-title", "The watch link is revoked."));
}
