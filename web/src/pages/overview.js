// How the whole server does, for admins: now, in the last hour, and broadcast by broadcast.
import { ApiError, call, fetchBroadcasts } from "../lib/api.js";
import { byId, element, fromTemplate, inside, setAttribute, setText, show } from "../lib/dom.js";
import { EventFeed } from "../lib/events.js";
import { bytes, secondsSince, span } from "../lib/format.js";
import { Graph } from "../lib/graph.js";
import { Hour, SPAN } from "../lib/hour.js";
import { ago } from "../lib/labels.js";
import { count, orNothing, rate, seconds, share } from "../lib/measure.js";
import { diagnosisPlace, watchPlace } from "../lib/places.js";
import { describe, isOver, peerWords, titleOf, watchingWords } from "../lib/words.js";
import { begin, keepFresh } from "./manage.js";

/** @typedef {import("../lib/types.js").Broadcast} Broadcast */
/** @typedef {import("../lib/types.js").Overview} Overview */
/** @typedef {import("../lib/types.js").User} User */

const EVERY_MS = 5000;
const ENDED_AT_MOST = 8;
const ALARMING = 0.9; // of processors, memory or disk in use

const size = orNothing(bytes);
const whole = orNothing((value) => (value < 1 ? value.toFixed(1) : String(Math.round(value))));
const TROUBLED = ["stalled", "backing_off", "interrupted"];
const SHARED = { span: SPAN, briefest: 600, every: 60, sync: "hour" };

/** Each graph, and the columns that it shows. @type {[import("../lib/graph.js").Shape, (hour: Hour) => import("../lib/types.js").Column[]][]} */
const GRAPHS = [
  [{ ...SHARED, title: "Viewers", series: [{ label: "Watching", colour: 1 }, { label: "By WebRTC", colour: 2 }], words: count, least: 4 }, (hour) => [hour.of("viewers"), hour.of("webrtc_viewers")]],
  [
    { ...SHARED, title: "Broadcasts", series: [{ label: "Live", colour: 1 }, { label: "In trouble", colour: 2 }, { label: "Starting, ending", colour: 3 }, { label: "Publishers", colour: 4 }], words: count, least: 4 },
    (hour) => [hour.of("live"), hour.sum(TROUBLED), hour.sum(["starting", "ending"]), hour.of("publishers")],
  ],
  [{ ...SHARED, title: "Traffic", series: [{ label: "From publishers", colour: 1 }, { label: "To viewers", colour: 2 }], words: rate, least: 1e6 }, (hour) => [hour.of("bandwidth_in"), hour.of("bandwidth_out")]],
  [{ ...SHARED, title: "Machine", series: [{ label: "Processors", colour: 1 }, { label: "Memory", colour: 2 }, { label: "Disk", colour: 3 }], words: share, least: 1, exact: true }, (hour) => ["cpu", "memory", "disk"].map((name) => hour.of(name))],
  [{ ...SHARED, title: "Behind the publisher", series: [{ label: "Worst broadcast", colour: 1 }], words: seconds, least: 5 }, (hour) => [hour.of("lag")]],
  [{ ...SHARED, title: "Encoders replaced", series: [{ label: "In five seconds", colour: 2 }], words: count, least: 4, bars: true }, (hour) => [hour.of("restarts")]],
];

const hour = new Hour();
const live = byId("live", HTMLUListElement);
/** @type {Graph[]} */
let graphs = [];
/** @type {EventFeed | null} */
let feed = null;
/** @type {Broadcast[]} */
let archive = [];
/** @type {Map<string, HTMLElement>} */
const cards = new Map();

/** @param {User} user */
async function fill(user) {
  if (user.role !== "admin") throw new ApiError("not_allowed", "This page is for admins.");
  graphs = GRAPHS.map(([shape]) => new Graph(shape, byId("graphs", HTMLElement)));
  await refresh();
  // With the first news, or without any: what is live stands above the rest.
  await new Promise((resolve) => (feed = new EventFeed({ onchange: (_, fresh) => resolve(changed(fresh)) })));
  keepFresh(() => refresh().catch(complain), EVERY_MS);
}

async function refresh() {
  /** @type {Overview} */
  const answer = await call("GET", `/overview?seconds=${hour.wanted(Date.now() / 1000)}`);
  hour.add(answer, Date.now() / 1000);
  show(byId("lost", HTMLElement), false);
  renderNow(answer.machine);
  renderBroadcasts();
  GRAPHS.forEach(([, columns], place) => graphs[place]?.show(hour.times, columns(hour), hour.times.at(-1) ?? 0));
}

/** @param {unknown} error */
function complain(error) {
  setText(byId("lost", HTMLElement), error instanceof ApiError ? error.message : String(error));
  show(byId("lost", HTMLElement), true);
}

/** @param {Overview["machine"]} machine */
function renderNow({ cores, memory_bytes, memory_available_bytes, disk_bytes, disk_free_bytes }) {
  const [cpu, lag, troubled] = [hour.last("cpu"), hour.last("lag"), hour.sum(TROUBLED).at(-1) ?? null];
  /** @type {[string, string, boolean][]} */
  const tiles = [
    ["Live", count(hour.last("live")), false],
    ["In trouble", count(troubled), (troubled ?? 0) > 0],
    ["Viewers", count(hour.last("viewers")), false],
    ["Publishers", count(hour.last("publishers")), false],
    ...byWebRtc("viewers", hour.last("webrtc_viewers")),
    ...byWebRtc("publishers", hour.last("webrtc_publishers")),
    ["From publishers", rate(hour.last("bandwidth_in")), false],
    ["To viewers", rate(hour.last("bandwidth_out")), false],
    ["Worst lag", seconds(lag), (lag ?? 0) > 10],
    [`Of ${whole(cores)} processors`, share(cpu), (cpu ?? 0) > ALARMING],
    ["Memory free", size(memory_available_bytes), isLow(memory_available_bytes, memory_bytes)],
    ["Disk free", size(disk_free_bytes), isLow(disk_free_bytes, disk_bytes)],
  ];
  const made = tiles.map(([name, words, bad]) => element("div", bad ? { class: "alarming" } : {}, element("dt", {}, name), element("dd", {}, words)));
  byId("now", HTMLElement).replaceChildren(...made);
}

/** A tile of those by WebRTC, unless that is off. @param {string} what @param {number | null} many @returns {[string, string, boolean][]} */
function byWebRtc(what, many) {
  return many === null ? [] : [[`WebRTC ${what}`, count(many), false]];
}

/** Of a disk that cannot be read nobody knows, which is alarming too. @param {number | null} free @param {number | null} all */
function isLow(free, all) {
  return free === null || all === null || free < (1 - ALARMING) * all;
}

/** @param {boolean} fresh whether what has ended is to be asked for, too */
function changed(fresh) {
  renderBroadcasts();
  if (fresh) void fetchBroadcasts().then((all) => (archive = all.filter(isOver))).then(renderBroadcasts, () => {});
}

function renderBroadcasts() {
  if (feed === null || feed.state === "connecting") return;
  const known = feed.broadcasts;
  const open = known.filter((one) => !isOver(one));
  show(byId("nobody", HTMLElement), open.length === 0);
  for (const [id, card] of cards) if (!open.some((one) => one.id === id)) (card.remove(), cards.delete(id));
  open.forEach((one, place) => {
    const card = cardOf(one);
    fillCard(card, one);
    if (live.children[place] !== card) live.insertBefore(card, live.children[place] ?? null);
  });
  renderEnded([...archive, ...known.filter(isOver)], new Set(open.map(({ id }) => id)));
}

/** @param {Broadcast} broadcast */
function cardOf(broadcast) {
  const known = cards.get(broadcast.id);
  if (known !== undefined) return known;
  const card = fromTemplate("show");
  const picture = inside(card, "img", HTMLImageElement);
  picture.onload = () => show(picture, true);
  picture.onerror = () => show(picture, false);
  setText(inside(card, ".initial", HTMLElement), broadcast.channel.slice(0, 1).toUpperCase());
  setAttribute(inside(card, ".name", HTMLAnchorElement), "href", diagnosisPlace(broadcast));
  setAttribute(inside(card, ".watch", HTMLAnchorElement), "href", watchPlace(broadcast.channel));
  setAttribute(inside(card, ".watch", HTMLAnchorElement), "aria-label", `Watch ${titleOf(broadcast)}`);
  cards.set(broadcast.id, card);
  return card;
}

/** @param {HTMLElement} card @param {Broadcast} broadcast */
function fillCard(card, broadcast) {
  const { badge, live: isLive, troubled } = describe(broadcast.state);
  const state = inside(card, ".state", HTMLElement);
  setText(state, badge);
  setAttribute(state, "class", `tag state ${isLive ? "live" : troubled ? "bad" : ""}`);
  setText(inside(card, ".name", HTMLElement), titleOf(broadcast));
  const since = `for ${span(secondsSince(broadcast.started_at, Date.now()))}`;
  setText(inside(card, ".about", HTMLElement), [broadcast.channel, since, watchingWords(broadcast), peerWords(broadcast)].filter(Boolean).join(" · "));
  setText(inside(card, ".figures-now", HTMLElement), figures(broadcast));
  if (broadcast.poster !== null) setAttribute(inside(card, "img", HTMLImageElement), "src", broadcast.poster);
}

/** @param {Broadcast} broadcast */
function figures({ renditions, encoder, commit_lag }) {
  const restarts = encoder?.restarts ?? 0;
  return [
    renditions.map(({ name }) => name).join(" "),
    encoder?.speed ? `${encoder.speed.toFixed(2)}×` : "",
    commit_lag === null ? "" : `${seconds(commit_lag)} behind`,
    restarts === 0 ? "" : `${restarts} ${restarts === 1 ? "encoder" : "encoders"} replaced`,
  ].filter(Boolean).join(" · ");
}

/** @param {Broadcast[]} all @param {Set<string>} open */
function renderEnded(all, open) {
  const unique = new Map(all.filter(({ id }) => !open.has(id)).map((one) => [one.id, one]));
  const over = [...unique.values()].sort((a, b) => endOf(b).localeCompare(endOf(a))).slice(0, ENDED_AT_MOST);
  show(byId("recent", HTMLElement), over.length > 0);
  const list = byId("ended", HTMLUListElement);
  const made = over.map(row);
  // What says the same is left alone, with the focus that may be in it.
  if (list.textContent !== made.map((item) => item.textContent).join("")) list.replaceChildren(...made);
}

/** @param {Broadcast} broadcast */
function endOf({ ended_at, started_at }) {
  return ended_at ?? started_at;
}

/** @param {Broadcast} broadcast */
function row(broadcast) {
  const item = fromTemplate("over");
  setText(inside(item, ".title", HTMLElement), titleOf(broadcast));
  setText(inside(item, ".about", HTMLElement), `${broadcast.channel} · ended ${ago(endOf(broadcast), Date.now())} · ${broadcast.message}`);
  for (const link of item.querySelectorAll("a")) link.href = diagnosisPlace(broadcast);
  inside(item, ".diagnosis", HTMLAnchorElement).ariaLabel = `Diagnosis of ${titleOf(broadcast)}`;
  return item;
}

void begin(fill);
