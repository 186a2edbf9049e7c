// The broadcast page: joins credentials, set-up, publisher and the server's news.
import { fetchChannel } from "../lib/api.js";
import { byId, setText, show } from "../lib/dom.js";
import { EventFeed } from "../lib/events.js";
import { settingsPlace } from "../lib/places.js";
import { Publisher } from "../lib/publisher.js";
import { fetchSession } from "../lib/session.js";
import { preferences } from "../lib/store.js";
import { WakeLock } from "../lib/wake-lock.js";
import { Access } from "./broadcast-access.js";
import { Setup } from "./broadcast-setup.js";
import { renderServer, renderStatistics, renderStatus } from "./broadcast-view.js";

/** @typedef {import("../lib/permission.js").Permission} Permission */

const STATISTICS_EVERY_MS = 500;
const COPIED_FOR_MS = 2000;
const FRESHEN_EVERY_MS = 60_000;
/** In these the source is closed, or about to be. */
const RELEASING = new Set(["stopping", "ended", "failed"]);

/** @type {Permission | null} */
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
const access = new Access(usePermission);

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
  const permission = allowed;
  if (permission === null) return;
  problem = null;
  preferences.set("title", title.value);
  publisher.start({
    openSource: () => openSource(permission),
    url: permission.url,
    protocols: () => permission.protocols,
    bitrate: setup.bitrate,
    title: title.value.trim(),
    takeover,
  });
}

/** The source comes first: browsers open a screen only at once after a press. @param {Permission} permission */
async function openSource(permission) {
  const source = await setup.open();
  await permission.freshen();
  return source;
}

/** What could not be delivered is given up only by a second, deliberate press. */
function stopPressed() {
  if (publisher.state === "stopping") publisher.discard();
  else publisher.stop();
}

/** @param {Permission | null} next */
function usePermission(next) {
  allowed = next;
  show(byId("studio", HTMLElement), next !== null);
  feed?.close();
  feed = null;
  if (next !== null) enter(next.channel);
  freshen();
}

/** Ahead of time, so that going live need not wait, and neither a connection that is lost. */
function freshen() {
  allowed?.freshen().catch(() => {}); // going live says what is wrong
}

/** @param {string} channel */
function enter(channel) {
  setText(byId("channel-name", HTMLElement), channel || "of this key");
  const link = byId("watch-link", HTMLAnchorElement);
  const address = new URL(channel === "" ? "/" : `/watch/${encodeURIComponent(channel)}`, location.href).href;
  link.href = address;
  setText(link, address.replace(/^https?:\/\//, ""));
  if (channel !== "") feed = new EventFeed({ channel, onchange: render });
  void renderPrivate(channel);
  render();
  setup.previewIfAllowed();
}

/** Viewers of a private channel need more than its address. Only who is signed in is told of it. @param {string} channel */
async function renderPrivate(channel) {
  const note = byId("private-note", HTMLElement);
  show(note, false);
  const { user } = await fetchSession().catch(() => ({ user: null }));
  if (user === null || channel === "") return;
  const found = await fetchChannel(channel).catch(() => null);
  byId("settings-link", HTMLAnchorElement).href = `${settingsPlace(channel)}#links`;
  show(note, found?.private === true && allowed?.channel === channel);
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
  access.linkOpened(publisher.active);
}

/** @param {BeforeUnloadEvent} event */
function beforeLeaving(event) {
  if (publisher.active && publisher.state !== "preparing") event.preventDefault();
}

title.value = preferences.get("title") ?? "";
byId("setup", HTMLFormElement).addEventListener("submit", goLiveWished);
byId("stop", HTMLButtonElement).addEventListener("click", stopPressed);
byId("take-over", HTMLButtonElement).addEventListener("click", () => goLive(true));
byId("copy", HTMLButtonElement).addEventListener("click", copyLink);
byId("mute-mic", HTMLButtonElement).addEventListener("click", toggleMute);
addEventListener("beforeunload", beforeLeaving);
addEventListener("pagehide", () => publisher.leave());
addEventListener("online", () => publisher.hurry());
addEventListener("hashchange", linkOpened);
setInterval(() => renderStatistics(publisher, setup.picture), STATISTICS_EVERY_MS);
setInterval(freshen, FRESHEN_EVERY_MS);
void access.begin();
drawLevel();
