// The last two minutes as graphs. Loaded when there is something to draw.
import { Graph } from "../lib/graph.js";
import { SPAN } from "../lib/last-minutes.js";
import { count, rate, seconds, times } from "../lib/measure.js";

/** @typedef {import("../lib/last-minutes.js").LastMinutes} LastMinutes */
/** @typedef {import("../lib/types.js").Column} Column */

const SHARED = { span: SPAN, briefest: SPAN, every: 10, sync: "minutes", height: 96 };

/** Each graph, and the columns that it shows. @type {[import("../lib/graph.js").Shape, (minutes: LastMinutes) => Column[]][]} */
const GRAPHS = [
  [{ ...SHARED, title: "Upload", series: [{ label: "Sent", colour: 1 }, { label: "Safe", colour: 3 }], words: rate, least: 1e6 }, (minutes) => [minutes.rate("sent"), minutes.rate("safe")]],
  [{ ...SHARED, title: "Not yet safe", series: [{ label: "Waiting", colour: 2 }], words: seconds, least: 6 }, (minutes) => [minutes.of("unsafe")]],
  [{ ...SHARED, title: "Server’s encoder", series: [{ label: "Speed", colour: 4 }], words: times, least: 1.5 }, (minutes) => [minutes.of("speed")]],
  [{ ...SHARED, title: "Viewers", series: [{ label: "Watching", colour: 1 }], words: count, least: 5 }, (minutes) => [minutes.of("viewers")]],
];

export class StudioGraphs {
  #graphs;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#graphs = GRAPHS.map(([shape]) => new Graph(shape, place));
  }

  /** @param {LastMinutes} minutes */
  show(minutes) {
    const { times: at } = minutes;
    GRAPHS.forEach(([, columns], place) => this.#graphs[place]?.show(at, columns(minutes), at.at(-1) ?? 0));
  }
}
