// What a viewer can hand on: links, and the code for another site.
import { playlistLink, watchLink, withToken } from "./watch-links.js";

/** @typedef {{ id: string, label: string, value: string, hint: string }} Shared */

const PUBLIC_HINTS = {
  link: "",
  embed: "For a page of your own: the player alone. It shows on sites that the channel's settings name.",
  playlist: "For VLC (Media, Open Network Stream), QuickTime Player (File, Open Location), and other players.",
};
const WITH_TOKEN = "Whoever has it can watch, like you, until your own link ends.";

/**
 * @param {{ origin: string, channel: string, title: string, token: string, embeddable: boolean }} what
 *   `token` of the link by which the viewer came; "" without one. `embeddable`: on some site at least
 * @returns {Shared[]}
 */
export function shared({ origin, channel, title, token, embeddable }) {
  const hints = token === "" ? PUBLIC_HINTS : { link: WITH_TOKEN, embed: `${PUBLIC_HINTS.embed} ${WITH_TOKEN}`, playlist: `${PUBLIC_HINTS.playlist} ${WITH_TOKEN}` };
  const all = [
    { id: "link", label: "Link", value: token === "" ? `${origin}/watch/${encodeURIComponent(channel)}` : watchLink(origin, channel, token), hint: hints.link },
    { id: "embed", label: "Embed", value: embedCode({ origin, channel, title, token }), hint: hints.embed },
    { id: "playlist", label: "Open in another player", value: playlistLink(origin, channel, token), hint: hints.playlist },
  ];
  return all.filter(({ id }) => embeddable || id !== "embed");
}

/** @param {{ origin: string, channel: string, title: string, token: string }} what */
export function embedCode({ origin, channel, title, token }) {
  const address = withToken(`${origin}/embed/${encodeURIComponent(channel)}`, token); // the server asks for it, too
  return `<iframe src="${escaped(address)}" width="640" height="360" title="${escaped(title)}" style="border:0" allow="autoplay; fullscreen; picture-in-picture" allowfullscreen></iframe>`;
}

/** @param {string} text for an attribute */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/**
 * Why somebody has nothing to hand on of a private channel: they watch because of who they are.
 * @param {{ private?: boolean, may?: { manage: boolean } }} channel @param {string} token
 * @returns {"" | "make" | "ask"} whether they can make a link, or have to ask for one
 */
export function needsLink(channel, token) {
  if (!channel.private || token !== "") return "";
  return channel.may?.manage ? "make" : "ask";
}
