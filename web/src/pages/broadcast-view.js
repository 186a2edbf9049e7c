// The left side of the broadcast page: what is on, in words and figures, beside the light (studio-light.js).
import { byId, setText, show } from "../lib/dom.js";
import { bytes, clock } from "../lib/format.js";
import { codecName, codecWords } from "../lib/recording.js";
import { describe, isOver, watchingWords } from "../lib/words.js";

/** @typedef {import("../lib/publisher.js").Publisher} Publisher */
/** @typedef {import("../lib/events.js").EventFeed} EventFeed */
/** @typedef {import("../lib/types.js").Broadcast} Broadcast */

/** The page's own problem, when the publisher has none. @typedef {{ message: string } | null} Problem */

/** @param {Publisher} publisher @param {Problem} problem */
export function renderStatus(publisher, problem) {
  const { state, notice } = publisher;
  showWords("notice", notice);
  showWords("error", (state === "failed" ? publisher : problem)?.message ?? "");
  show(byId("takeover", HTMLElement), publisher.errorCode === "channel_busy");
  show(byId("badge", HTMLElement), state === "live" || state === "stopping" || state === "reconnecting");
  byId("badge", HTMLElement).classList.toggle("on", state === "live");
  renderButtons(publisher);
}

/** @param {Publisher} publisher */
function renderButtons(publisher) {
  const stop = byId("stop", HTMLButtonElement);
  const goLive = byId("go-live", HTMLButtonElement);
  // Focus follows the button that takes the other's place.
  const focused = document.activeElement === (publisher.active ? goLive : stop);
  show(goLive, !publisher.active);
  show(stop, publisher.active);
  stop.disabled = publisher.state === "stopping" && publisher.statistics.connected;
  setText(stop, stopWords(publisher));
  byId("other-link", HTMLButtonElement).disabled = publisher.active;
  if (focused) (publisher.active ? stop : goLive).focus();
}

/** @param {Publisher} publisher */
function stopWords({ state, statistics }) {
  if (state === "preparing" || state === "connecting") return "Cancel";
  if (state !== "stopping") return "Stop";
  return statistics.connected ? "Finishing…" : "Discard the rest";
}

/** @param {string} id @param {string} words */
function showWords(id, words) {
  const element = byId(id, HTMLElement);
  setText(element, words);
  show(element, words !== "");
}

/** @param {Publisher} publisher @param {HTMLVideoElement} picture what is shown of it here */
export function renderStatistics(publisher, picture) {
  const { statistics, state } = publisher;
  show(byId("statistics", HTMLElement), publisher.active && statistics.bytes + statistics.sentBytes > 0);
  setText(byId("live-clock", HTMLElement), clock(statistics.liveSeconds));
  if (state === "live" || state === "reconnecting") setSending(picture, statistics.mimeType);
  setText(byId("time", HTMLElement), clock(statistics.liveSeconds));
  setText(byId("recorded-name", HTMLElement), publisher.kept ? "Recorded" : "Sent");
  setText(byId("recorded", HTMLElement), bytes(publisher.kept ? statistics.bytes : statistics.sentBytes));
  setText(byId("unsafe-name", HTMLElement), publisher.kept ? "Not yet safe" : "Lost, round trip");
  setText(byId("unsafe", HTMLElement), publisher.active ? doubt(publisher) : "–");
}

/** What may still be lost, or is. @param {Publisher} publisher */
function doubt({ kept, statistics: { unsafeSeconds, network } }) {
  if (kept) return `${unsafeSeconds.toFixed(1)} s`;
  return network ? `${(network.lost * 100).toFixed(1)} %, ${Math.round(network.roundTrip * 1000)} ms` : "–";
}

/** @param {HTMLVideoElement} picture @param {string} mimeType */
function setSending(picture, mimeType) {
  const size = picture.videoWidth > 0 ? `${picture.videoWidth} × ${picture.videoHeight}` : "Sound only";
  const sending = byId("sending", HTMLElement);
  if (sending.childElementCount === 0) sending.append(document.createElement("span"), document.createElement("small"));
  const [first, second] = sending.children;
  if (first) setText(first, size);
  if (second) setText(second, mimeType === "" ? "" : codecWords(mimeType));
}

/**
 * What the server says: over the publisher's own connection while there is one, else by its news.
 * @param {EventFeed | null} feed @param {Publisher} publisher
 */
export function renderServer(feed, publisher) {
  const broadcast = feed?.broadcasts.find((candidate) => !isOver(candidate)) ?? feed?.broadcasts[0] ?? null;
  setText(byId("server-words", HTMLElement), publisher.status?.message || serverWords(feed, broadcast));
  const open = broadcast !== null && !isOver(broadcast) && feed?.state !== "lost";
  showWords("renditions", open ? details(broadcast) : "");
}

/** @param {EventFeed | null} feed @param {Broadcast | null} broadcast */
function serverWords(feed, broadcast) {
  if (feed === null) return "The link names no channel, so there is no news of it here.";
  if (feed.state === "connecting") return "Asking the server…";
  if (feed.state === "lost") return "No news from the server at the moment; asking again…";
  if (broadcast === null) return "Nothing is on air on this channel.";
  return broadcast.message || describe(broadcast.state).badge;
}

/** @param {Broadcast} broadcast */
function details(broadcast) {
  const { source, renditions } = broadcast;
  const video = source?.video ? `${codecName(source.video.codec)} ${source.video.width} × ${source.video.height}` : "";
  const names = renditions.map((rendition) => rendition.name).join(", ");
  return [video && `Receives ${video}`, names && `viewers get ${names}`, watchingWords(broadcast)].filter(Boolean).join(" · ");
}
