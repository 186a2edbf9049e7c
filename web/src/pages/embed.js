// The player alone, for other sites' pages.
import { byId, setAttribute, setText, show } from "../lib/dom.js";
import { channelIn, watchPlace } from "../lib/places.js";
import { playlistLink } from "../lib/watch-links.js";
import { describe, isOver, titleOf } from "../lib/words.js";
import { PlayerView } from "./player-view.js";

const channel = channelIn(location.pathname);
/** @type {PlayerView | null} */
let view = null;

function render() {
  if (view === null) return; // it begins
  const { known, player, settled } = view.watching;
  show(byId("name", HTMLElement), settled);
  const { broadcast } = player;
  const on = broadcast !== null && !isOver(broadcast) ? broadcast : null;
  const title = on === null ? known?.title || channel : titleOf(on);
  setText(byId("title", HTMLElement), title);
  document.title = title;
  const badge = byId("badge", HTMLElement);
  show(badge, on !== null);
  setText(badge, on === null ? "" : describe(on.state).badge);
  badge.classList.toggle("on", on !== null && describe(on.state).live);
}

function openElsewhere() {
  window.open(playlistLink(location.origin, channel, view?.watching.token ?? ""), "_blank", "noopener");
}

view = new PlayerView(channel, { onchange: render, openElsewhere });
setAttribute(byId("name", HTMLElement), "href", watchPlace(channel));
render();
