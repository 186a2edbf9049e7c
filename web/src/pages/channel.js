// A channel's own page: what it is, whether it is live, what is to come, and what there was lately.
import { ApiError, fetchBroadcasts, fetchChannel } from "../lib/api.js";
import { withNews } from "../lib/arrangement.js";
import { broadcastFacts, privateWords } from "../lib/channel-words.js";
import { byId, fromTemplate, inside, setAttribute, setText, show } from "../lib/dom.js";
import { EventFeed } from "../lib/events.js";
import { channelIn, diagnosisPlace, settingsPlace, signInPlace, studioPlace, watchPlace } from "../lib/places.js";
import { fetchSession } from "../lib/session.js";
import { secrets } from "../lib/store.js";
import { upcoming } from "../lib/upcoming.js";
import { forgetToken, takeToken, throughToken, tokenIn, withToken } from "../lib/watch-links.js";
import { describe, isOver, titleOf, watchingWords } from "../lib/words.js";
import { keepShown, pictureOf, quiet, showPicture, since, stand } from "./cards.js";

/** @typedef {import("../lib/types.js").Broadcast} Broadcast */
/** @typedef {import("../lib/types.js").Channel} Channel */

const TICK_MS = 15_000;
const ASK_AGAIN_MS = 60_000;
const TRY_AGAIN_MS = 5000; // while nothing is known at all
const RECENT_AT_MOST = 10;

const name = channelIn(location.pathname);
let token = takeToken(secrets, name, location, history);

/** @type {Channel | null} */
let asked = null;
/** @type {Broadcast[]} */
let archive = [];
/** @type {EventFeed | null} */
let feed = null;

async function ask() {
  try {
    asked = await fetchChannel(name, token);
  } catch (error) {
    if (asked === null) await refused(error);
    return;
  }
  archive = await fetchBroadcasts(token).catch(() => archive);
  render();
}

/** A link that has expired closes no door that is open without it. @param {unknown} error */
async function refused(error) {
  if (token === "" || !isClosed(error)) return trouble(error);
  forgetToken(secrets, name);
  token = "";
  await ask();
}

/** @param {unknown} error */
function isClosed(error) {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}

async function begin() {
  await ask();
  if (asked === null) return;
  show(byId("trouble", HTMLElement), false);
  show(byId("about", HTMLElement), true);
  feed = new EventFeed({ channel: name, token, onchange: (_, fresh) => (fresh ? void ask() : render()) });
  setInterval(render, TICK_MS);
  setInterval(() => document.hidden || void ask(), ASK_AGAIN_MS);
}

function render() {
  if (asked === null) return;
  show(byId("feed-lost", HTMLElement), feed?.state === "lost");
  const [channel] = withNews([asked], feed?.broadcasts ?? []);
  if (channel === undefined) return;
  const on = channel.broadcast !== null && !isOver(channel.broadcast) ? channel.broadcast : null;
  renderAbout(channel, on);
  renderActions(channel, on);
  renderNext(channel, on);
  renderRecent(channel);
}

/** @param {Channel} channel @param {Broadcast | null} on */
function renderAbout(channel, on) {
  const title = channel.title || name;
  document.title = `${title} · ingestd`;
  setAttribute(byId("about", HTMLElement), "data-state", on?.state ?? "offline");
  setText(byId("title", HTMLElement), title);
  setText(byId("name", HTMLElement), name);
  stand(byId("initial", HTMLElement), name);
  show(byId("lock", HTMLElement), channel.private === true);
  setText(byId("now", HTMLElement), on === null ? "Offline" : titleOf(on) === title ? describe(on.state).badge : titleOf(on));
  setText(byId("air", HTMLElement), on === null ? quiet(channel) : [since(on), watchingWords(on)].filter(Boolean).join(" · "));
  renderBadge(on);
  showPicture(byId("image", HTMLImageElement), authorised(pictureOf(channel)));
  const description = channel.description ?? "";
  setText(byId("description", HTMLElement), description);
  byId("words", HTMLElement).removeAttribute("data-waiting");
  show(byId("description-part", HTMLElement), description !== "");
}

/** @param {string | null} address of a picture, which may be private */
function authorised(address) {
  if (address === null || token === "") return address;
  return address.startsWith("/hls/") ? throughToken(address, token) : withToken(address, token);
}

/** @param {Broadcast | null} on */
function renderBadge(on) {
  const badge = byId("badge", HTMLElement);
  const said = on && describe(on.state);
  show(badge, said !== null);
  setText(badge, said?.badge ?? "");
  badge.classList.toggle("on", said?.live ?? false);
  byId("about", HTMLElement).classList.toggle("troubled", said?.troubled ?? false);
}

/** @param {Channel} channel @param {Broadcast | null} on */
function renderActions({ may }, on) {
  const places = { watch: watchPlace(name), studio: studioPlace(name), settings: settingsPlace(name) };
  const shown = { watch: true, studio: may?.publish === true, settings: may?.publish === true || may?.manage === true };
  for (const id of /** @type {const} */ (["watch", "studio", "settings"])) {
    const link = byId(id, HTMLAnchorElement);
    setAttribute(link, "href", places[id]);
    show(link, shown[id]);
  }
  setText(byId("watch-words", HTMLElement), on === null ? "Watch page" : "Watch");
  byId("watch", HTMLElement).classList.toggle("primary", on !== null);
  setAttribute(byId("picture", HTMLAnchorElement), "href", places.watch);
}

/** @param {Channel} channel @param {Broadcast | null} on */
function renderNext(channel, on) {
  const coming = upcoming(channel, Date.now());
  // What was announced, and has begun, is not to come.
  const begun = on !== null && Date.parse(channel.next_at ?? "") <= Date.now();
  show(byId("next", HTMLElement), coming !== null && !begun);
  if (coming === null) return;
  setText(byId("next-title", HTMLElement), coming.title);
  setText(byId("next-time", HTMLElement), coming.words);
  setAttribute(byId("next-time", HTMLElement), "datetime", channel.next_at ?? "");
}

/** @param {Channel} channel */
function renderRecent({ may, broadcast }) {
  const known = [...archive, ...(feed?.broadcasts ?? []), ...(broadcast === null ? [] : [broadcast])];
  const over = new Map(known.filter((one) => one.channel === name && isOver(one)).map((one) => [one.id, one]));
  const rows = [...over.values()].sort((a, b) => b.id.localeCompare(a.id)).slice(0, RECENT_AT_MOST);
  const list = byId("broadcasts", HTMLUListElement);
  show(byId("recent", HTMLElement), rows.length > 0);
  const made = rows.map((one) => row(one, may?.manage === true));
  // What says the same is left alone, with the focus that may be in it.
  if (list.textContent !== made.map((item) => item.textContent).join("")) list.replaceChildren(...made);
}

/** @param {Broadcast} broadcast @param {boolean} manages */
function row(broadcast, manages) {
  const item = fromTemplate("broadcast");
  setText(inside(item, ".title", HTMLElement), titleOf(broadcast));
  setText(inside(item, ".quiet", HTMLElement), broadcastFacts(broadcast));
  const link = inside(item, ".diagnosis", HTMLAnchorElement);
  show(link, manages);
  if (manages) setAttribute(link, "href", diagnosisPlace(broadcast));
  setAttribute(link, "aria-label", `How “${titleOf(broadcast)}” went`);
  return item;
}

/** @param {unknown} error */
async function trouble(error) {
  const { code, message } = error instanceof ApiError ? error : new ApiError("", String(error));
  const { user } = await fetchSession().catch(() => ({ user: null }));
  const closed = isClosed(error);
  const said = closed ? privateWords(user !== null) : { title: code === "no_such_channel" ? "There is no such channel" : "This did not work", words: message, action: "See who is live" };
  setText(byId("trouble-title", HTMLElement), said.title);
  setText(byId("trouble-words", HTMLElement), said.words);
  const action = byId("trouble-action", HTMLAnchorElement);
  setText(action, said.action);
  action.href = closed ? watchPlace(name) : "/";
  show(byId("sign-in", HTMLElement), closed && user === null);
  byId("sign-in", HTMLAnchorElement).href = signInPlace(location);
  show(byId("about", HTMLElement), false);
  show(byId("trouble", HTMLElement), true);
  setText(byId("air", HTMLElement), "");
  if (!closed && code !== "no_such_channel") setTimeout(begin, TRY_AGAIN_MS); // the server is away
}

keepShown(byId("image", HTMLImageElement));
// A link that is pasted over this very address loads nothing by itself.
addEventListener("hashchange", () => tokenIn(location.hash) && location.reload());
void begin();
