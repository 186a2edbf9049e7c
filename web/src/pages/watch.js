// The watch page: joins a channel's news, the player, and what is said about both.
import { ApiError, call, channelPath, fetchChannel } from "../lib/api.js";
import { byId, setAttribute, setText, show } from "../lib/dom.js";
import { createEngine } from "../lib/engine.js";
import { EventFeed } from "../lib/events.js";
import { secondsSince, span } from "../lib/format.js";
import { channelIn, signInPlace } from "../lib/places.js";
import { Player } from "../lib/player.js";
import { fetchSession } from "../lib/session.js";
import { secrets } from "../lib/store.js";
import { forgetToken, keepToken, takeToken, throughToken, tokenIn } from "../lib/watch-links.js";
import { describe, isOver, titleOf, troubleWords } from "../lib/words.js";
import { Controls } from "./watch-controls.js";

/** @typedef {import("../lib/types.js").Broadcast} Broadcast */
/** @typedef {import("../lib/types.js").Channel} Channel */

const TICK_MS = 1000;
const ASK_AGAIN_MS = 5000;
const OWN_SECONDS = 3600; // for which a token is good that this page makes for itself

const channel = channelIn(location.pathname);
const token = takeToken(secrets, channel, location, history);
const video = byId("player", HTMLVideoElement);

/** @type {Channel | null} */
let known = null;
let askedAt = 0;
let unknownChannel = "";
/** Why this channel, which is private, is not shown. */
let locked = "";
/** @type {Controls | null} */
let controls = null;

const player = new Player(video, (shown, url, events) => createEngine(shown, url, events, guard()), () => render());
controls = new Controls(player);
const feed = new EventFeed({ channel, token, onchange: (_, fresh) => newsCame(fresh) });

/** A snapshot names what is open. What the channel is, and what it showed last, is asked for. @param {boolean} fresh */
async function newsCame(fresh) {
  if (fresh || known === null) await askForChannel();
  if (feed.state === "open") player.update(newest());
  render();
}

async function askForChannel() {
  askedAt = Date.now();
  try {
    known = await fetchChannel(channel, token);
    unknownChannel = "";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "no_such_channel") unknownChannel = error.message;
    if (error.status === 401 || error.status === 403) await lock(error);
  }
}

/** A private channel, and nothing that opens it. @param {ApiError} error */
async function lock(error) {
  if (locked !== "") return;
  feed.close();
  const { user } = await fetchSession().catch(() => ({ user: null }));
  show(byId("or-sign-in", HTMLElement), user === null);
  byId("sign-in", HTMLAnchorElement).href = signInPlace(location);
  locked = token === "" ? "Open the watch link that you were given, or paste it here." : `Your watch link does not work any more: ${error.message}`;
  forgetToken(secrets, channel);
  player.stop();
}

/** What no event tells: that the picture stands, or that a private channel is closed to this viewer by now. */
async function tick() {
  player.tick();
  const stands = player.state === "loading" || player.state === "error";
  if (!stands || !known?.private || locked !== "" || Date.now() - askedAt < ASK_AGAIN_MS) return;
  await askForChannel();
  render();
}

/** @param {SubmitEvent} event */
function linkGiven(event) {
  event.preventDefault();
  const given = tokenIn(byId("watch-link", HTMLInputElement).value);
  show(byId("link-problem", HTMLElement), given === "");
  if (given === "") return;
  keepToken(secrets, channel, given);
  location.reload(); // everything here begins with the token
}

function guard() {
  return known?.private || token !== "" ? { token, another: mint } : null;
}

/** Who may broadcast here needs no link, but nginx may answer at another port than this page's. */
async function mint() {
  if (!known?.may?.publish) return "";
  const made = await call("POST", channelPath(channel, "tokens"), { scope: "watch", lifetime: OWN_SECONDS });
  return made.token;
}

/** @param {Broadcast | null} broadcast */
function posterOf(broadcast) {
  return broadcast?.poster ? throughToken(broadcast.poster, token) : "";
}

/** @returns {Broadcast | null} */
function newest() {
  const told = feed.broadcasts[0] ?? null;
  const asked = known?.broadcast ?? null;
  if (told === null || asked === null) return told ?? asked;
  return asked.id !== told.id && asked.started_at > told.started_at ? asked : told;
}

function render() {
  const { state, broadcast } = player;
  setAttribute(byId("theatre", HTMLElement), "data-state", state);
  renderAbout(broadcast);
  renderCurtain();
  renderWaiting();
  const status = byId("state", HTMLElement);
  setAttribute(status, "data-state", state);
  setText(status, statusWords());
  show(byId("feed-lost", HTMLElement), feed?.state === "lost" && locked === "");
  show(byId("link-form", HTMLElement), locked !== "");
  byId("theatre", HTMLElement).classList.toggle("locked", locked !== "");
  controls?.render();
}

/** @param {Broadcast | null} broadcast */
function renderAbout(broadcast) {
  const over = broadcast === null || isOver(broadcast);
  const title = broadcast === null || over ? known?.title || channel : titleOf(broadcast);
  setText(byId("title", HTMLElement), title);
  document.title = `${title} · ingestd`;
  setText(byId("channel-name", HTMLElement), title === channel ? "" : channel);
  setText(byId("since", HTMLElement), broadcast === null ? "" : sinceWords(broadcast));
  const badge = byId("badge", HTMLElement);
  show(badge, !over);
  setText(badge, over ? "" : describe(broadcast.state).badge);
  badge.classList.toggle("on", !over && describe(broadcast.state).live);
}

/** @param {Broadcast} broadcast */
function sinceWords(broadcast) {
  const now = Date.now();
  if (isOver(broadcast)) return `last live ${span(secondsSince(broadcast.ended_at ?? broadcast.started_at, now))} ago`;
  const seconds = secondsSince(broadcast.started_at, now);
  return seconds < 60 ? "just went live" : `live since ${span(seconds)}`;
}

function statusWords() {
  const { state, broadcast } = player;
  if (unknownChannel !== "" && broadcast === null) return unknownChannel;
  if (state === "interrupted" && broadcast !== null) return troubleWords(broadcast);
  if (state === "playing") return isOver(broadcast) ? "You are watching the recording." : "";
  return curtainWords().title;
}

/** @returns {{ title: string, words: string, action: string }} */
function curtainWords() {
  const { state, broadcast } = player;
  const again = broadcast?.hls && isOver(broadcast) ? "Watch the recording" : "";
  const byItself = "This page starts by itself when the broadcast begins.";
  if (state === "ended") return { title: "The broadcast is over", words: "Thank you for watching.", action: again };
  if (locked !== "") return { title: "This channel is private", words: locked, action: "" };
  if (state === "error") return { title: "This cannot be played now", words: "Playing failed several times in a row. Check your connection, then try again.", action: "Retry" };
  if (state === "loading") return { title: "Loading…", words: "", action: "" };
  if (unknownChannel !== "") return { title: "No such channel", words: "Check the address, or see who is live now.", action: "" };
  if (broadcast !== null && !isOver(broadcast)) return { title: "Starting…", words: "The broadcast appears here in a few seconds.", action: "" };
  return { title: "Offline", words: byItself, action: again };
}

function renderCurtain() {
  const { state, broadcast } = player;
  const drawn = state === "offline" || state === "ended" || state === "error";
  show(byId("curtain", HTMLElement), drawn);
  if (!drawn) return;
  const { title, words, action } = curtainWords();
  setText(byId("curtain-title", HTMLElement), title);
  setText(byId("curtain-words", HTMLElement), words);
  setText(byId("curtain-action", HTMLElement), action);
  show(byId("curtain-action", HTMLElement), action !== "");
  const poster = byId("poster", HTMLImageElement);
  if (broadcast?.poster) setAttribute(poster, "src", posterOf(broadcast));
}

function renderWaiting() {
  const { state, broadcast } = player;
  show(byId("waiting", HTMLElement), state === "loading" || state === "interrupted");
  setText(byId("waiting-words", HTMLElement), state === "interrupted" && broadcast ? troubleWords(broadcast) : "");
  if (state === "loading" && broadcast?.poster && !video.poster) video.poster = posterOf(broadcast);
}

function curtainAction() {
  video.poster = "";
  if (player.state === "error") player.retry();
  else player.load();
}

const poster = byId("poster", HTMLImageElement);
poster.onload = () => show(poster, true);
poster.onerror = () => show(poster, false);
byId("link-form", HTMLFormElement).addEventListener("submit", linkGiven);
byId("curtain-action", HTMLButtonElement).addEventListener("click", curtainAction);
setInterval(tick, TICK_MS);
render();
