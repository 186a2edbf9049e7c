// What the broadcast was, once it is over.
import { call } from "../lib/api.js";
import { byId, element, setAttribute, setText, show } from "../lib/dom.js";
import { watchPlace } from "../lib/places.js";
import { tell } from "../lib/record.js";

/** @typedef {import("../lib/permission.js").Permission} Permission */
/** @typedef {import("../lib/publisher.js").Publisher} Publisher */
/** @typedef {import("../lib/record.js").ServerRecord} ServerRecord */

/** It is written a moment after the last word of the connection. */
const AGAIN_MS = 700;
const MOST_TRIES = 5;
const OVER = new Set(["ended", "failed"]);

export class StudioRecord {
  #root = byId("record", HTMLElement);
  #turn = 0;

  /** A new broadcast begins, or another channel was chosen. */
  hide() {
    this.#turn += 1;
    show(this.#root, false);
  }

  /** @param {Publisher} publisher which is over @param {Permission | null} permission */
  async show({ statistics, state, kept }, permission) {
    const turn = ++this.#turn;
    const { broadcasts, recordedSeconds } = statistics;
    if (broadcasts.length === 0 || recordedSeconds === 0) return;
    const records = await Promise.all(broadcasts.map((id) => fetchRecord(id, permission)));
    if (turn !== this.#turn) return;
    const known = records.filter((one) => one !== null);
    const [last] = known.slice(-1);
    if (last === undefined) return; // the sentence above says how it ended
    this.#fill(tell(known, { ...statistics, kept }), last, state === "ended");
  }

  /** @param {import("../lib/record.js").Told} told @param {ServerRecord} last @param {boolean} well it was ended by who made it */
  #fill({ light, sentence, figures }, { broadcast }, well) {
    setAttribute(this.#root, "data-light", light);
    setAttribute(byId("record-light", SVGUseElement), "href", `/assets/icons.svg#light-${light}`);
    setText(byId("record-title", HTMLElement), well ? "That was your broadcast" : "What there was of your broadcast");
    setText(byId("record-about", HTMLElement), broadcast.title);
    setText(byId("record-words", HTMLElement), sentence);
    const made = figures.map(({ id, name, words }) => element("div", {}, element("dt", {}, name), element("dd", { "data-testid": `record-${id}` }, words)));
    byId("record-figures", HTMLElement).replaceChildren(...made);
    const watch = byId("record-watch", HTMLAnchorElement);
    watch.href = watchPlace(broadcast.channel);
    show(watch, broadcast.hls !== null);
    show(this.#root, true);
  }
}

/** @param {string} id @param {Permission | null} permission @returns {Promise<ServerRecord | null>} */
async function fetchRecord(id, permission) {
  for (let tries = 1; ; tries++) {
    /** @type {ServerRecord | null} */
    const record = await call("GET", `/broadcasts/${encodeURIComponent(id)}`, undefined, permission?.token ?? "").catch(() => null);
    if (tries === MOST_TRIES || (record !== null && OVER.has(record.broadcast.state))) return record;
    await new Promise((done) => setTimeout(done, AGAIN_MS));
  }
}
