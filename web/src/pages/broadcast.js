// The broadcast page: joins credentials, set-up, publisher and the server's news.
import * as credentials from "../lib/credentials.js";
import { byId, setText, show } from "../lib/dom.js";
import { EventFeed } from "../lib/events.js";
import { Publisher } from "../lib/publisher.js";
import { preferences, secrets } from "../lib/store.js";
import { WakeLock } from "../lib/wake-lock.js";
import { Setup } from "./broadcast-setup.js";
import { renderServer, renderStatistics, renderStatus } from "./broadcast-view.js";

/** @typedef {import("../lib/credentials.js").Credentials} Credentials */

const STATISTICS_EVERY_MS = 500;
const COPIED_FOR_MS = 2000;
/** In these the source is closed, or about to be. */
const RELEASING = new Set(["stopping", "ended", "failed"]);

/** @type {Credentials | null} */
let allowed = null;
/** @type {EventFeed | null} */
let feed = null;
let muted = false;

/** @type {{ message: string } | null} */
let problem = null;
let shown = "";

const title = byId("title", HTMLInputElement);
const setup = new Setup({ problem: showProblem, switched: (source, bitrate) => publisher.switchTo(source, bitrate) });
const wakeLock = new WakeLock();
const publisher = new Publisher(changed);

function changed() {
  const { active, state } = publisher;
  render();
  if (state === shown) return;
  shown = state;
  setup.enter(publisher.switchable ? "live" : active ? "between" : "before");
  wakeLock.want(active && state !== "preparing");
  if (RELEASING.has(state)) setup.release();
}

function render() {
  renderStatus(publisher, allowed?.channel ?? "", problem);
  renderStatistics(publisher, setup.picture);
  renderServer(feed, publisher);
}

/** @param {{ message: string } | null} next */
function showProblem(next) {
  problem = next;
  render();
}

/** @param {SubmitEvent} event */
function goLiveWished(event) {
  event.preventDefault();
  goLive(false);
}

/** @param {boolean} takeover cut off whoever is live on the channel */
function goLive(takeover) {
  if (allowed === null) return;
  problem = null;
  preferences.set("title", title.value);
  publisher.start({
    openSource: () => setup.open(),
    url: credentials.socketAddress(location, allowed),
    protocols: credentials.subprotocols(allowed),
    bitrate: setup.bitrate,
    title: title.value.trim(),
    takeover,
  });
}

/** What could not be delivered is given up only by a second, deliberate press. */
function stopPressed() {
  if (publisher.state === "stopping") publisher.discard();
  else publisher.stop();
}

/** @param {Credentials | null} next */
function useCredentials(next) {
  allowed = next;
  show(byId("credentials-form", HTMLElement), next === null);
  show(byId("studio", HTMLElement), next !== null);
  feed?.close();
  feed = null;
  if (next !== null) enter(next.channel);
}

/** @param {string} channel */
function enter(channel) {
  setText(byId("channel-name", HTMLElement), channel || "of this key");
  const link = byId("watch-link", HTMLAnchorElement);
  const address = new URL(channel === "" ? "/" : `/watch/${encodeURIComponent(channel)}`, location.href).href;
  link.href = address;
  setText(link, address.replace(/^https?:\/\//, ""));
  if (channel !== "") feed = new EventFeed({ channel, onchange: render });
  render();
  setup.previewIfAllowed();
}

/** @param {SubmitEvent} event */
function credentialsGiven(event) {
  event.preventDefault();
  const given = credentials.parse(byId("link", HTMLInputElement).value) ?? byHand();
  const problem = byId("credentials-error", HTMLElement);
  show(problem, given === null);
  if (given === null) return setText(problem, "There is no stream key in this link. Paste the whole of it, from http to its very end.");
  credentials.keep(secrets, given);
  useCredentials(given);
  byId("content", HTMLElement).focus({ preventScroll: true });
}

function byHand() {
  const [channel, streamKey, token] = ["channel", "key", "token"].map((id) => byId(id, HTMLInputElement).value.trim());
  if (!streamKey) return null;
  return { channel: channel ?? "", streamKey, token: token ?? "" };
}

function forgetCredentials() {
  credentials.forget(secrets);
  byId("credentials-form", HTMLFormElement).reset();
  useCredentials(null);
  byId("link", HTMLInputElement).focus();
}

async function copyLink() {
  const words = byId("copy-words", HTMLElement);
  const copied = await navigator.clipboard?.writeText(byId("watch-link", HTMLAnchorElement).href).then(() => true, () => false);
  setText(words, copied ? "Copied" : "Copy it by hand");
  setTimeout(() => setText(words, "Copy link"), COPIED_FOR_MS);
}

function toggleMute() {
  muted = !muted;
  setup.mute(muted);
  const button = byId("mute-mic", HTMLButtonElement);
  button.setAttribute("aria-pressed", String(muted));
  byId("mute-mic-icon", SVGUseElement).setAttribute("href", `/assets/icons.svg#${muted ? "mic-off" : "mic"}`);
}

/** The meter follows each frame, so that people see at once that they are heard. */
function drawLevel() {
  const mixer = setup.source?.mixer;
  const level = mixer === undefined || muted ? 0 : Math.sqrt(mixer.level);
  byId("level", HTMLElement).style.transform = `scaleX(${level.toFixed(3)})`;
  requestAnimationFrame(drawLevel);
}

/** Another link was opened in this tab. While live it is only kept, for the next time. */
function linkOpened() {
  const given = credentials.take(secrets, location, history);
  if (!publisher.active) useCredentials(given);
}

/** @param {BeforeUnloadEvent} event */
function beforeLeaving(event) {
  if (publisher.active && publisher.state !== "preparing") event.preventDefault();
}

title.value = preferences.get("title") ?? "";
byId("setup", HTMLFormElement).addEventListener("submit", goLiveWished);
byId("stop", HTMLButtonElement).addEventListener("click", stopPressed);
byId("take-over", HTMLButtonElement).addEventListener("click", () => goLive(true));
byId("credentials-form", HTMLFormElement).addEventListener("submit", credentialsGiven);
byId("other-link", HTMLButtonElement).addEventListener("click", forgetCredentials);
byId("copy", HTMLButtonElement).addEventListener("click", copyLink);
byId("mute-mic", HTMLButtonElement).addEventListener("click", toggleMute);
addEventListener("beforeunload", beforeLeaving);
addEventListener("pagehide", () => publisher.leave());
addEventListener("online", () => publisher.hurry());
addEventListener("hashchange", linkOpened);
setInterval(() => renderStatistics(publisher, setup.picture), STATISTICS_EVERY_MS);
useCredentials(credentials.take(secrets, location, history));
drawLevel();
