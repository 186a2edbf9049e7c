// The last two minutes as graphs. Loaded when there is something to draw.
import { Graph } from "../lib/graph.js";
import { SPAN } from "../lib/last-minutes.js";
import { count, rate, seconds, share, times } from "../lib/measure.js";

/** @typedef {import("../lib/last-minutes.js").LastMinutes} LastMinutes */
/** @typedef {import("../lib/types.js").Column} Column */

const SHARED = { span: SPAN, briefest: SPAN, every: 10, sync: "minutes", height: 96 };

/** As what is recorded and kept goes on its way; each graph, and the columns that it shows. @type {[import("../lib/graph.js").Shape, (minutes: LastMinutes) => Column[]][]} */
const GRAPHS = [
  [{ ...SHARED, title: "Upload", series: [{ label: "Sent", colour: 1 }, { label: "Safe", colour: 3 }], words: rate, least: 1e6 }, (minutes) => [minutes.rate("sent"), minutes.rate("safe")]],
  [{ ...SHARED, title: "Not yet safe", series: [{ label: "Waiting", colour: 2 }], words: seconds, least: 6 }, (minutes) => [minutes.of("unsafe")]],
  [{ ...SHARED, title: "Server’s encoder", series: [{ label: "Speed", colour: 4 }], words: times, least: 1.5 }, (minutes) => [minutes.of("speed")]],
  [{ ...SHARED, title: "Viewers", series: [{ label: "Watching", colour: 1 }], words: count, least: 5 }, (minutes) => [minutes.of("viewers")]],
];

/** By WebRTC, where nothing waits. @type {typeof GRAPHS} */
const SENT_GRAPHS = [
  [{ ...SHARED, title: "Upload", series: [{ label: "Sent", colour: 1 }], words: rate, least: 1e6 }, (minutes) => [minutes.rate("sent")]],
  [{ ...SHARED, title: "Lost on the way", series: [{ label: "At first", colour: 2 }], words: share, least: 0.05 }, (minutes) => [minutes.of("lost")]],
  ...GRAPHS.slice(2),
];

export class StudioGraphs {
  #graphs;

  /** @param {HTMLElement} place whose graphs are these from now on @param {boolean} kept what is sent is kept until it is safe */
  constructor(place, kept) {
    this.kept = kept;
    place.replaceChildren();
    this.#graphs = (kept ? GRAPHS : SENT_GRAPHS).map(([shape]) => new Graph(shape, place));
  }

  /** @param {LastMinutes} minutes */
  show(minutes) {
    const { times: at } = minutes;
    (this.kept ? GRAPHS : SENT_GRAPHS).forEach(([, columns], place) => this.#graphs[place]?.show(at, columns(minutes), at.at(-1) ?? 0));
  }
}
