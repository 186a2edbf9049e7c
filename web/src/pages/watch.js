// The watch page: a channel's player, and what is said about the channel.
import { byId, setAttribute, setText, show } from "../lib/dom.js";
import { secondsSince, span } from "../lib/format.js";
import { channelIn, channelPlace } from "../lib/places.js";
import { tokenIn } from "../lib/watch-links.js";
import { describe, isOver, titleOf, watchingWords } from "../lib/words.js";
import { PlayerView } from "./player-view.js";
import { ShareDialog } from "./share-dialog.js";

/** @typedef {import("../lib/types.js").Broadcast} Broadcast */

const channel = channelIn(location.pathname);
/** @type {PlayerView | null} */
let view = null;
const sharing = new ShareDialog();

function share() {
  if (view !== null) sharing.open(view.watching, document.title.replace(/ · ingestd$/, ""));
}

function render() {
  if (!view?.watching.settled) return; // words that change a moment later would move what stands beside them
  const { known, locked, player, feedLost } = view.watching;
  const { broadcast } = player;
  const over = broadcast === null || isOver(broadcast);
  const title = broadcast === null || over ? known?.title || channel : titleOf(broadcast);
  setText(byId("title", HTMLElement), title);
  document.title = `${title} · ingestd`;
  const link = byId("channel-link", HTMLAnchorElement);
  const name = title === known?.title ? channel : known?.title || channel;
  setText(link, name === title ? "Channel page" : name);
  setAttribute(link, "href", channelPlace(channel));
  setText(byId("since", HTMLElement), broadcast === null ? "" : sinceWords(broadcast));
  setText(byId("description", HTMLElement), known?.description ?? "");
  show(byId("description", HTMLElement), Boolean(known?.description));
  show(byId("feed-lost", HTMLElement), feedLost);
  byId("about", HTMLElement).removeAttribute("data-waiting");
  show(byId("share", HTMLElement), known !== null && locked === "");
  renderBadge(over ? null : broadcast);
  tellSystem(title);
}

/** What a phone shows on its locked screen. @param {string} title */
function tellSystem(title) {
  if (!navigator.mediaSession || navigator.mediaSession.metadata?.title === title) return;
  const picture = view?.watching.picture ?? "";
  const artwork = picture === "" ? [] : [{ src: new URL(picture, location.href).href }];
  navigator.mediaSession.metadata = new MediaMetadata({ title, artist: view?.watching.known?.title || channel, artwork });
}

/** @param {Broadcast | null} broadcast which is on */
function renderBadge(broadcast) {
  const badge = byId("badge", HTMLElement);
  const said = broadcast && describe(broadcast.state);
  show(badge, said !== null);
  setText(badge, said?.badge ?? "");
  badge.classList.toggle("on", said?.live ?? false);
}

/** @param {Broadcast} broadcast */
function sinceWords(broadcast) {
  const now = Date.now();
  if (isOver(broadcast)) return `last live ${span(secondsSince(broadcast.ended_at ?? broadcast.started_at, now))} ago`;
  const seconds = secondsSince(broadcast.started_at, now);
  return [seconds < 60 ? "just went live" : `live for ${span(seconds)}`, watchingWords(broadcast)].filter(Boolean).join(" · ");
}

view = new PlayerView(channel, { onchange: render, openElsewhere: share });
byId("share", HTMLButtonElement).addEventListener("click", share);
render();
// Another link that is pasted over this very address loads nothing by itself.
addEventListener("hashchange", () => tokenIn(location.hash) && location.reload());
