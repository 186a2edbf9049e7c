// The left side of the broadcast page: what is going on, in words and figures.
import { byId, setAttribute, setText, show } from "../lib/dom.js";
import { bitrate, bytes, clock } from "../lib/format.js";
import { codecName, codecWords } from "../lib/recording.js";
import { describe, isOver } from "../lib/words.js";

/** @typedef {import("../lib/publisher.js").Publisher} Publisher */
/** @typedef {import("../lib/events.js").EventFeed} EventFeed */
/** @typedef {import("../lib/types.js").Broadcast} Broadcast */

/**
 * @param {Publisher} publisher
 * @param {string} channel
 */
function statusWords(publisher, channel) {
  const { state, message } = publisher;
  switch (state) {
    case "idle":
      return "Ready when you are.";
    case "preparing":
      return "Opening the source…";
    case "connecting":
      return "Connecting to the server…";
    case "live":
      return `You are live on ${channel || "your channel"}.`;
    case "reconnecting":
      return `${message} Reconnecting…`;
    case "stopping":
      return "Sending the last seconds…";
    case "ended":
      return [message, "The broadcast has ended."].join(" ").trim();
    case "failed":
      return "Not live.";
  }
}

/** @param {Publisher} publisher @param {string} channel */
export function renderStatus(publisher, channel) {
  const status = byId("status", HTMLElement);
  setAttribute(status, "data-state", publisher.state);
  setText(status, statusWords(publisher, channel));
  setAttribute(byId("dot", HTMLElement), "data-state", publisher.state);
  showProblem(publisher.state === "failed" ? publisher : null);
  const { state } = publisher;
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
  stop.disabled = publisher.state === "stopping";
  setText(stop, publisher.state === "preparing" || publisher.state === "connecting" ? "Cancel" : "Stop");
  byId("other-link", HTMLButtonElement).disabled = publisher.active;
  if (focused) (publisher.active ? stop : goLive).focus();
}

/** @param {{ message: string } | null} problem */
export function showProblem(problem) {
  const error = byId("error", HTMLElement);
  setText(error, problem?.message ?? "");
  show(error, problem !== null);
}

/** @param {Publisher} publisher @param {HTMLVideoElement} preview */
export function renderStatistics(publisher, preview) {
  const figures = publisher.statistics;
  const { state } = publisher;
  show(byId("statistics", HTMLElement), figures.bytes > 0);
  setText(byId("countdown", HTMLElement), countdown(figures.retrySeconds));
  setText(byId("live-clock", HTMLElement), clock(figures.liveSeconds));
  if (publisher.active) setSending(preview, figures.mimeType);
  setText(byId("rate", HTMLElement), state === "live" ? bitrate(figures.bitsPerSecond) : "–");
  setText(byId("time", HTMLElement), clock(figures.liveSeconds));
  setText(byId("sent", HTMLElement), bytes(figures.bytes));
  setText(byId("waiting", HTMLElement), state === "live" || state === "stopping" ? `${figures.waitingSeconds.toFixed(1)} s` : "–");
  warn(publisher.active && figures.slow, figures.waitingSeconds);
}

/** @param {HTMLVideoElement} preview @param {string} mimeType */
function setSending(preview, mimeType) {
  const size = preview.videoWidth > 0 ? `${preview.videoWidth} × ${preview.videoHeight}` : "Sound only";
  const sending = byId("sending", HTMLElement);
  if (sending.childElementCount === 0) sending.append(document.createElement("span"), document.createElement("small"));
  const [first, second] = sending.children;
  if (first) setText(first, size);
  if (second) setText(second, mimeType === "" ? "" : codecWords(mimeType));
}

/** @param {number} seconds */
function countdown(seconds) {
  return seconds > 0.5 ? `in ${Math.ceil(seconds)} s` : "";
}

/** @param {boolean} slow @param {number} seconds */
function warn(slow, seconds) {
  const warning = byId("warning", HTMLElement);
  show(warning, slow);
  if (!slow) return setText(warning, "");
  // In steps of five seconds: a screen reader reads each change out.
  const about = Math.max(1, Math.round(seconds / 5) * 5);
  setText(warning, `The connection is too slow for this quality: about ${about} s are waiting to be sent. Stop and choose a lower quality if this goes on.`);
}

/** @param {EventFeed | null} feed */
export function renderServer(feed) {
  const broadcast = feed?.broadcasts.find((candidate) => !isOver(candidate)) ?? feed?.broadcasts[0] ?? null;
  setText(byId("server-words", HTMLElement), serverWords(feed, broadcast));
  const renditions = byId("renditions", HTMLElement);
  const open = broadcast !== null && !isOver(broadcast);
  setText(renditions, open ? details(broadcast) : "");
  show(renditions, renditions.textContent !== "");
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
function details({ source, renditions, commit_lag: lag }) {
  const video = source?.video ? `${codecName(source.video.codec)} ${source.video.width} × ${source.video.height}` : "";
  const names = renditions.map((rendition) => rendition.name).join(", ");
  return [
    video && `Receives ${video}`,
    names && `viewers get ${names}`,
    lag !== null && lag !== undefined && `${lag.toFixed(1)} s to the playlist`,
  ].filter(Boolean).join(" · ");
}
