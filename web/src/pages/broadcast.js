// The broadcast page: joins credentials, set-up, publisher and the server's news.
import { fetchChannel } from "../lib/api.js";
import { byId, setAttribute, setText, show } from "../lib/dom.js";
import { EventFeed } from "../lib/events.js";
import { settingsPlace } from "../lib/places.js";
import { Publisher } from "../lib/publisher.js";
import { fetchSession } from "../lib/session.js";
import { preferences } from "../lib/store.js";
import { WakeLock } from "../lib/wake-lock.js";
import { Access } from "./broadcast-access.js";
import { Setup } from "./broadcast-setup.js";
import { renderServer, renderStatistics, renderStatus } from "./broadcast-view.js";
import { StudioChecklist } from "./studio-checklist.js";
import { StudioCountdown } from "./studio-countdown.js";
import { StudioLight } from "./studio-light.js";
import { StudioRecord } from "./studio-record.js";

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
const countdown = new StudioCountdown(() => light.render());
const light = new StudioLight(publisher, () => countdown.counting, drawMinutes);
const checklist = new StudioChecklist(setup, () => muted);
const record = new StudioRecord();

function changed() {
  const { active, state } = publisher;
  light.sample(Date.now() / 1000);
  render();
  if (state === shown) return;
  shown = state;
  if (state === "preparing") begun();
  setup.way.fixed = active;
  setup.enter(publisher.switchable ? "live" : active ? "between" : "before");
  wakeLock.want(active && state !== "preparing");
  if (RELEASING.has(state)) setup.release();
  checklist.show(!active);
  if (state === "ended" || state === "failed") over();
}

function begun() {
  light.begin();
  record.hide();
  show(byId("minutes", HTMLElement), false);
}

/** Whoever thought better of it, or has finished, finds the studio as it was before. */
function over() {
  const counted = publisher.statistics.recordedSeconds > 0;
  countdown.cancel();
  show(byId("minutes", HTMLElement), false);
  if (counted && publisher.state === "ended") showProblem(null); // what was said of it while it went on
  if (counted) void record.show(publisher, allowed);
  else if (publisher.state === "ended") void setup.previewIfAllowed();
}

/** @type {import("./studio-graphs.js").StudioGraphs | null} */
let graphs = null;

/** Before the first broadcast there is nothing to draw, and nothing is loaded for it. @param {import("../lib/last-minutes.js").LastMinutes} minutes */
async function drawMinutes(minutes) {
  const module = await import("./studio-graphs.js").catch(() => null);
  if (module === null) return; // the network is away; a broadcast goes on without them
  show(byId("minutes", HTMLElement), true);
  const { kept } = publisher;
  if (graphs?.kept !== kept) graphs = new module.StudioGraphs(byId("graphs", HTMLElement), kept);
  graphs.show(minutes);
}

function render() {
  light.render();
  renderStatus(publisher, problem);
  renderStatistics(publisher, setup.picture);
  renderServer(feed, publisher);
}

/** @param {{ message: string } | null} next */
function showProblem(next) {
  problem = next;
  if (next === null) publisher.settle(); // something else is tried
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
    ...permission.papers,
    road: () => setup.way.road(() => feed?.broadcasts ?? []),
    bitrate: setup.bitrate,
    title: title.value.trim(),
    takeover,
  });
}

/** By a button that goes away with that. @param {boolean} takeover */
function goLiveInstead(takeover) {
  goLive(takeover);
  byId("stop", HTMLButtonElement).focus({ preventScroll: true });
}

/** The source comes first: browsers open a screen only at once after a press. @param {Permission} permission */
async function openSource(permission) {
  const source = await setup.open();
  try {
    const [counted] = await Promise.all([countdown.run(), permission.freshen(), setup.way.load()]);
    return counted && source.over ? setup.open() : source; // it may have been unplugged meanwhile
  } catch (error) {
    source.close(); // nobody else has it: the camera would stay on
    throw error;
  }
}

/** What could not be delivered is given up only by a second, deliberate press. */
function stopPressed() {
  if (countdown.counting) return publisher.stop();
  if (publisher.state === "stopping") publisher.discard();
  else publisher.stop();
}

/** @param {Permission | null} next */
function usePermission(next) {
  allowed = next;
  show(byId("studio", HTMLElement), next !== null);
  feed?.close();
  feed = null;
  record.hide();
  if (next !== null) enter(next.channel);
  freshen();
  checklist.show(next !== null);
  void checklist.use(next);
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
  const front = byId("front", HTMLElement);
  show(note, false);
  show(front, false);
  const { user } = await fetchSession().catch(() => ({ user: null }));
  if (user === null || channel === "") return;
  const found = await fetchChannel(channel).catch(() => null);
  byId("settings-link", HTMLAnchorElement).href = `${settingsPlace(channel)}#links`;
  byId("front-link", HTMLAnchorElement).href = settingsPlace(channel);
  show(front, found?.may?.manage === true && allowed?.channel === channel);
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

/** Another link was opened in this tab. While live it is for the connections to come, if it is for this channel; else for the next time. */
function linkOpened() {
  const permission = access.linkOpened(publisher.active);
  if (permission === null || !allowed?.serves(permission)) return;
  allowed = permission;
  publisher.readmit(permission.papers);
}

function tick() {
  light.sample(Date.now() / 1000);
  light.render();
  renderStatistics(publisher, setup.picture);
  const { videoWidth, videoHeight } = setup.picture;
  setAttribute(setup.picture, "data-upright", String(videoHeight > videoWidth));
}

/** @param {BeforeUnloadEvent} event */
function beforeLeaving(event) {
  if (publisher.active && publisher.state !== "preparing") event.preventDefault();
}

title.value = preferences.get("title") ?? "";
byId("setup", HTMLFormElement).addEventListener("submit", goLiveWished);
byId("stop", HTMLButtonElement).addEventListener("click", stopPressed);
byId("take-over", HTMLButtonElement).addEventListener("click", () => goLiveInstead(true));
byId("copy", HTMLButtonElement).addEventListener("click", copyLink);
byId("mute-mic", HTMLButtonElement).addEventListener("click", toggleMute);
byId("again", HTMLButtonElement).addEventListener("click", () => goLiveInstead(false));
addEventListener("keydown", (event) => event.key === "Escape" && countdown.counting && publisher.stop());
addEventListener("beforeunload", beforeLeaving);
addEventListener("pagehide", () => publisher.leave());
addEventListener("online", () => publisher.hurry());
addEventListener("hashchange", linkOpened);
setInterval(tick, STATISTICS_EVERY_MS);
setInterval(freshen, FRESHEN_EVERY_MS);
void access.begin();
drawLevel();
