// One graph: drawn for eyes, by key press for hands without a mouse, as a table for everybody.
import uPlot from "/assets/vendor/uplot.mjs";
import { element, fromTemplate, inside, setAttribute, setText } from "./dom.js";
import { highest, latest, rows, timeOfDay } from "./measure.js";

/** @typedef {import("./types.js").Column} Column */
/** @typedef {{ label: string, colour: 1 | 2 | 3 | 4 }} Series */

/**
 * @typedef {object} Shape
 * @property {string} title
 * @property {Series[]} series
 * @property {(value: number | null | undefined) => string} words of a figure
 * @property {number} span seconds that are shown
 * @property {number} briefest seconds that are shown even if less is known
 * @property {number} every seconds between two rows of the table
 * @property {number} least the axis reaches at least up to here
 * @property {boolean} [exact] and not beyond
 * @property {boolean} [bars] one for each measurement
 * @property {string} [sync] graphs of one name show the same moment
 * @property {number} [height] of the drawing, in pixels
 */

const HEIGHT = 190;
const PAGE = 12; // measurements that Page Up and Page Down go
const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];
const MINUTES = [60, 120, 300, 600, 900, 1200, 1800];
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3]];

export class Graph {
  #shape;
  #root;
  #plot;
  #drawing;
  /** @type {number[]} */
  #times = [];
  /** @type {Column[]} */
  #columns;
  #start = 0;
  #end = 0;
  /** Where the keys have led; null: nobody uses them. @type {number | null} */
  #at = null;
  /** @type {HTMLElement[]} */
  #figures = [];

  /** @param {Shape} shape @param {HTMLElement} place */
  constructor(shape, place) {
    this.#shape = shape;
    this.#columns = shape.series.map(() => []);
    this.#root = fromTemplate("graph");
    this.#plot = inside(this.#root, ".plot", HTMLElement);
    place.append(this.#root);
    this.#describe();
    this.#drawing = new uPlot(this.#options(), [[], ...this.#columns], this.#plot);
    new ResizeObserver(() => this.#fit()).observe(this.#plot);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#drawing.redraw(false));
    this.#plot.addEventListener("keydown", (event) => this.#key(event));
    this.#plot.addEventListener("focus", () => this.#go(this.#times.length - 1));
    this.#plot.addEventListener("blur", () => this.#leave());
    inside(this.#root, "details", HTMLDetailsElement).addEventListener("toggle", () => this.#tabulate());
  }

  /** @param {number[]} times Unix @param {Column[]} columns one for each series @param {number} end the right edge */
  show(times, columns, end) {
    const moved = this.#times.length > 0 && this.#at !== null ? this.#times[this.#at] : undefined;
    const { span, briefest } = this.#shape;
    [this.#times, this.#columns, this.#end] = [times, columns, end];
    this.#start = Math.max(end - span, Math.min(times[0] ?? end, end - briefest));
    this.#drawing.setData([times, ...columns]);
    setAttribute(this.#root, "data-points", String(columns[0]?.filter((value) => value !== null).length ?? 0));
    if (moved !== undefined) {
      this.#at = Math.max(0, times.findIndex((time) => time >= moved));
      queueMicrotask(() => this.#point()); // the new scale counts from the end of this task
    }
    this.#read();
    this.#tabulate();
  }

  #describe() {
    const { title, series } = this.#shape;
    setText(inside(this.#root, ".title", HTMLElement), title);
    setAttribute(this.#plot, "aria-label", title);
    setAttribute(this.#root, "data-testid", `graph-${title.toLowerCase().replace(/\W+/g, "-")}`);
    const key = inside(this.#root, ".key", HTMLElement);
    this.#figures = series.map(({ label, colour }) => {
      const figure = element("strong");
      key.append(element("span", { class: `of-${colour}` }, element("span", { class: "stroke", "aria-hidden": "true" }), `${label} `, figure));
      return figure;
    });
    const head = ["Time", ...series.map(({ label }) => label)].map((words) => element("th", { scope: "col" }, words));
    inside(this.#root, "thead", HTMLElement).append(element("tr", {}, ...head));
    setText(inside(this.#root, "caption", HTMLElement), title);
    setAttribute(inside(this.#root, ".scroll", HTMLElement), "aria-label", `${title}: table`);
  }

  /** @returns {uPlot.Options} */
  #options() {
    const { series, words, sync } = this.#shape;
    const quiet = () => this.#colour("--quiet");
    const grid = { stroke: () => this.#colour("--line"), width: 1 };
    const font = `12px ${getComputedStyle(this.#plot).fontFamily}`;
    const shared = { stroke: quiet, grid, ticks: { show: false }, font };
    return {
      width: Math.max(200, this.#plot.clientWidth),
      height: this.#height,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 }, ...(sync ? { sync: { key: sync } } : {}) },
      scales: { x: { range: () => [this.#start, this.#end] }, y: { range: () => [0, this.#top()] } },
      axes: [
        { ...shared, space: 60, size: 24, gap: 4, incrs: MINUTES, values: (_, found) => found.map((time) => timeOfDay(time)) },
        { ...shared, space: 34, size: 62, ...(words(1) === "1" ? { incrs: COUNTS } : {}), values: (_, found) => found.map(words) },
      ],
      series: [{}, ...series.map((one) => this.#line(one))],
      hooks: { setCursor: [() => this.#read()] },
    };
  }

  /** @param {Series} one @returns {uPlot.Series} */
  #line({ colour }) {
    const stroke = () => this.#colour(`--series-${colour}`);
    const alone = this.#shape.series.length === 1;
    const bars = this.#shape.bars ? uPlot.paths.bars?.({ size: [0.8, 12, 3] }) : undefined;
    return {
      stroke,
      width: 2,
      points: { show: false },
      dash: alone ? [] : (DASHES[colour - 1] ?? []),
      ...(alone ? { fill: () => `${stroke()}2e` } : {}),
      ...(bars ? { paths: bars, fill: stroke } : {}),
    };
  }

  get #height() {
    return this.#shape.height ?? HEIGHT;
  }

  #top() {
    const { least, exact } = this.#shape;
    const most = highest(this.#columns, least);
    return exact || most === least ? most : most * 1.1;
  }

  /** As the style sheet has it now: it has two, for light and dark. @param {string} name */
  #colour(name) {
    return getComputedStyle(this.#root).getPropertyValue(name).trim();
  }

  #fit() {
    const width = this.#plot.clientWidth;
    if (width > 0 && width !== this.#drawing.width) this.#drawing.setSize({ width, height: this.#height });
  }

  /** Writes the figures of the moment under the pointer, else the newest. */
  #read() {
    const place = this.#drawing?.cursor.idx ?? null;
    const at = place === null ? undefined : this.#times[place];
    setText(inside(this.#root, ".moment", HTMLElement), at === undefined ? "" : timeOfDay(at, true));
    this.#figures.forEach((figure, one) => {
      const column = this.#columns[one] ?? [];
      setText(figure, this.#shape.words(place === null ? latest(column) : column[place]));
    });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const last = this.#times.length - 1;
    const now = this.#at ?? last;
    /** @type {Record<string, number>} */
    const places = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, PageUp: now - PAGE, PageDown: now + PAGE, Home: 0, End: last };
    const place = places[event.key];
    if (place === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#go(Math.min(last, Math.max(0, place)));
  }

  /** @param {number} place among the measurements */
  #go(place) {
    const time = this.#times[place];
    if (time === undefined) return;
    this.#at = place;
    this.#point();
    const { series, words } = this.#shape;
    const told = series.map(({ label }, one) => `${label} ${words(this.#columns[one]?.[place])}`);
    setAttribute(this.#plot, "aria-valuemax", String(this.#times.length - 1));
    setAttribute(this.#plot, "aria-valuenow", String(place));
    setAttribute(this.#plot, "aria-valuetext", `${timeOfDay(time, true)}: ${told.join(", ")}`);
  }

  /** Has the moment that the keys have led to marked in the picture. */
  #point() {
    const time = this.#at === null ? undefined : this.#times[this.#at];
    if (time !== undefined) this.#drawing.setCursor({ left: this.#drawing.valToPos(time, "x"), top: this.#height / 4 });
  }

  #leave() {
    this.#at = null;
    this.#drawing.setCursor({ left: -10, top: -10 });
  }

  /** Only who looks at the table has it kept up to date. */
  #tabulate() {
    if (!inside(this.#root, "details", HTMLDetailsElement).open) return;
    const { every, words } = this.#shape;
    const body = inside(this.#root, "tbody", HTMLElement);
    const lines = rows(this.#times, this.#columns, every).map(({ at, values }) => [timeOfDay(at), ...values.map(words)]);
    const made = lines.map(([time, ...cells]) => element("tr", {}, element("th", { scope: "row" }, `${time}`), ...cells.map((cell) => element("td", {}, cell))));
    if (made.map((row) => row.textContent).join() !== [...body.children].map((row) => row.textContent).join()) body.replaceChildren(...made);
  }
}
