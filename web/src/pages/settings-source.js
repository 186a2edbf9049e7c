// What arrives from the encoder of a channel that is on air, and what would be better.
import { call, channelPath } from "../lib/api.js";
import { byId, element, show } from "../lib/dom.js";
import { sourceRows } from "../lib/labels.js";

/** @typedef {import("../lib/types.js").Channel} Channel */
/** @typedef {import("../lib/types.js").SourceReport} SourceReport */

let shown = "";

/** @param {Channel} channel */
export async function showSource({ channel, may }) {
  if (!may?.publish) return;
  /** @type {{ source: SourceReport | null }} */
  const { source } = await call("GET", channelPath(channel, "source"));
  show(byId("on-air", HTMLElement), source !== null);
  if (source !== null) render(source);
}

/** Advice is read out when it changes, and not each time that it is asked for. @param {SourceReport} source */
function render(source) {
  const rows = sourceRows(source).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  byId("source", HTMLElement).replaceChildren(...rows);
  const advice = JSON.stringify(source.advice);
  if (advice === shown) return;
  shown = advice;
  const lines = source.advice.map((words) => element("li", { class: "notice" }, words));
  byId("advice", HTMLUListElement).replaceChildren(...lines);
}
