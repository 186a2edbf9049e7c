// Why a broadcast went as it did, for who manages its channel.
import { ApiError, call, fetchBroadcasts } from "../lib/api.js";
import { byId, element, setAttribute, setText, show } from "../lib/dom.js";
import { span } from "../lib/format.js";
import { Graph } from "../lib/graph.js";
import { rate, seconds, timeOfDay, times } from "../lib/measure.js";
import { broadcastIn, channelIn, settingsPlace, watchPlace } from "../lib/places.js";
import { eventWords, generationRows, logLine, visitRow } from "../lib/story.js";
import { describe, titleOf } from "../lib/words.js";
import { begin, keepFresh } from "./manage.js";

/** @typedef {import("../lib/types.js").Diagnosis} Diagnosis */
/** @typedef {import("../lib/types.js").Generation} Generation */
/** @typedef {import("../lib/types.js").Turn} Turn */
/** @typedef {import("../lib/types.js").User} User */
/** @typedef {import("../lib/types.js").Visit} Visit */

const EVERY_MS = 3000;
const SHARED = { span: 600, briefest: 120, every: 60, sync: "broadcast" };

/** @type {[import("../lib/graph.js").Shape, "bitrate" | "speed" | "lag"][]} */
const GRAPHS = [
  [{ ...SHARED, title: "Bitrate", series: [{ label: "From the publisher", colour: 1 }], words: rate, least: 1e6 }, "bitrate"],
  [{ ...SHARED, title: "Speed", series: [{ label: "Of the encoder; 1 is real time", colour: 3 }], words: times, least: 1.5 }, "speed"],
  [{ ...SHARED, title: "Lag", series: [{ label: "Received, not yet in the playlist", colour: 2 }], words: seconds, least: 5 }, "lag"],
];

const id = broadcastIn(location.pathname);
const path = `/broadcasts/${encodeURIComponent(id)}/diagnosis`;
/** @type {Graph[]} */
let graphs = [];
/** Unix time of the right edge of the graphs. */
let edge = 0;
let over = false;

/** @param {User} user */
async function fill(user) {
  const channel = channelIn(location.pathname);
  const back = byId("back", HTMLAnchorElement);
  [back.href, back.textContent] = user.role === "admin" ? ["/admin/overview", "Overview"] : [settingsPlace(channel), "Channel"];
  graphs = GRAPHS.map(([shape]) => new Graph(shape, byId("graphs", HTMLElement)));
  await refresh();
  void fetchBroadcasts().then((all) => all.find((one) => one.id === id)).then((found) => found && entitle(titleOf(found)), () => {});
  keepFresh(() => (over ? Promise.resolve() : refresh().catch(complain)), EVERY_MS);
}

/** @param {string} title */
function entitle(title) {
  setText(byId("heading", HTMLElement), title);
  document.title = `${title}: diagnosis · ingestd`;
}

async function refresh() {
  /** @type {Diagnosis} */
  const found = await call("GET", path);
  show(byId("lost", HTMLElement), false);
  over = describe(found.state).over;
  renderHead(found);
  renderGraphs(found.samples);
  replace("timeline", found.timeline.map(turn).reverse());
  replace("publishers", found.publishers.map(visit).reverse());
  show(byId("no-publishers", HTMLElement), found.publishers.length === 0);
  renderEncoders(found.generations);
  renderLines(found.lines);
}

/** @param {unknown} error */
function complain(error) {
  setText(byId("lost", HTMLElement), error instanceof ApiError ? error.message : String(error));
  show(byId("lost", HTMLElement), true);
}

/** @param {Diagnosis} found */
function renderHead({ broadcast, channel, state, message }) {
  const { badge, live, troubled } = describe(state);
  setText(byId("channel", HTMLElement), channel);
  setText(byId("identity", HTMLElement), broadcast);
  setText(byId("message", HTMLElement), message);
  const tag = byId("state", HTMLElement);
  setText(tag, state === "failed" ? "Failed" : badge);
  setAttribute(tag, "class", `tag ${live ? "live" : troubled || state === "failed" ? "bad" : ""}`);
  setAttribute(tag, "data-state", state);
  byId("watch", HTMLAnchorElement).href = watchPlace(channel);
  byId("download", HTMLAnchorElement).href = `/api/v1${path}.tar.gz`;
  show(byId("watch", HTMLElement), !over && channel !== "");
  show(byId("actions", HTMLElement), true);
}

/** @param {Diagnosis["samples"]} samples */
function renderGraphs(samples) {
  const newest = Date.now() / 1000 - (samples.seconds_ago ?? 0);
  // Measurements are whole seconds apart: points would tremble with the time that each answer takes.
  edge = edge === 0 ? newest : edge + Math.round(newest - edge);
  const count = samples.bitrate.length;
  const at = samples.bitrate.map((_, place) => edge - (count - 1 - place));
  GRAPHS.forEach(([, name], place) => graphs[place]?.show(at, [samples[name]], edge));
}

/** What says the same is left alone, with what somebody has marked or opened in it. @param {string} place @param {HTMLElement[]} made */
function replace(place, made) {
  const list = byId(place, HTMLElement);
  if (list.textContent !== made.map((item) => item.textContent).join("")) list.replaceChildren(...made);
}

/** @param {Turn} turn */
function turn({ at, event, state, sentence }) {
  const time = element("time", { datetime: at, title: new Date(at).toLocaleString() }, timeOfDay(Date.parse(at) / 1000, true));
  const { troubled, live } = describe(state);
  const tag = element("span", { class: `tag ${live ? "good" : troubled || state === "failed" ? "bad" : ""}` }, state.replaceAll("_", " "));
  return element("li", { "data-event": event }, time, element("p", {}, element("strong", {}, eventWords(event)), tag), element("p", { class: "sentence" }, sentence));
}

/** @param {Visit} visit */
function visit(visit) {
  const { way, lasted, received, began, ended } = visitRow(visit, Date.now());
  const since = timeOfDay(Date.parse(visit.since) / 1000, true);
  const name = element("p", { class: "name" }, way, element("span", { class: `tag ${visit.until === null ? "good" : ""}` }, visit.until === null ? "connected" : "gone"));
  const words = `since ${since}, for ${lasted} · ${received} · began ${began}${visit.until === null ? "" : ` · ended ${ended}`}`;
  return element("li", {}, element("div", { class: "what" }, name, element("p", { class: "quiet" }, words)));
}

/** @param {Generation[]} generations */
function renderEncoders(generations) {
  show(byId("no-encoders", HTMLElement), generations.length === 0);
  const list = byId("encoders", HTMLElement);
  const known = new Set([...list.children].map((one) => one.getAttribute("data-number")));
  // A report does not change: what is there stays open or shut.
  for (const one of generations) if (!known.has(String(one.number))) list.prepend(life(one));
}

/** @param {Generation} generation */
function life(generation) {
  const { number, started_at, lifetime, reason, sentence, argv, lines } = generation;
  const began = timeOfDay(started_at, true);
  const tag = element("span", { class: `tag ${reason === "" ? "good" : "bad"}` }, reason === "" ? "done" : reason.replaceAll("_", " "));
  const summary = element("summary", {}, element("strong", {}, `Encoder ${number}`), ` from ${began}, for ${lifetime < 60 ? seconds(lifetime) : span(lifetime)} `, tag);
  const figures = generationRows(generation).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  const command = element("pre", { class: "lines", tabindex: "0", role: "region", "aria-label": `Command line of encoder ${number}` }, argv.join(" "));
  const last = element("pre", { class: "lines", tabindex: "0", role: "region", "aria-label": `Last lines of encoder ${number}` }, lines.join("\n") || "It said nothing.");
  const body = element("div", { class: "body" }, element("p", {}, sentence), element("dl", { class: "figures" }, ...figures), last, command);
  return element("details", { class: "life", "data-number": String(number) }, summary, body);
}

/** @param {string[]} lines */
function renderLines(lines) {
  const box = byId("lines", HTMLElement);
  const made = lines.map(logLine).flatMap(({ at, level, words }) => {
    const time = at === "" ? [] : [element("span", { class: "at" }, `${timeOfDay(Date.parse(at) / 1000, true)} `)];
    const bad = level === "error" || level === "warning" || level === "critical";
    return [...time, element("span", bad ? { class: "bad" } : {}, `${words}\n`)];
  });
  const text = made.map((part) => part.textContent).join("");
  if (box.textContent === text) return;
  const below = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  box.replaceChildren(...made);
  if (below) box.scrollTop = box.scrollHeight;
}

void begin(fill);
