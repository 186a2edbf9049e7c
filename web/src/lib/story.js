// What is told of a broadcast afterwards, in words.
import { bytes, clock } from "./format.js";

/** @typedef {import("./types.js").Visit} Visit */
/** @typedef {import("./types.js").Generation} Generation */

/** @type {Record<string, string>} */
const EVENTS = {
  started: "Went live",
  restored: "Taken over from an earlier run of the server",
  segment: "In the playlist",
  stall: "Nothing new in the playlist",
  encoder_died: "The encoder ended early",
  restart: "The encoder was started again",
  too_slow: "Too slow: one rendition less",
  climb: "There is room: one rendition more",
  publisher_left: "The publisher’s connection is gone",
  publisher_back: "The publisher is back",
  stop: "The publisher ended it",
  window_over: "Nobody came back in time",
  delivered: "All of it is in the playlist",
  give_up: "Given up",
};

/** @param {string} event */
export function eventWords(event) {
  return EVENTS[event] ?? event.replaceAll("_", " ");
}

/** @type {Record<string, string>} */
const WAYS = { websocket: "WebSocket", rtmp: "RTMP", whip: "WHIP" };

/** A connection, cell by cell. @param {Visit} visit @param {number} now milliseconds */
export function visitRow({ since, until, way, address, received_bytes, epoch, resumed_at, close_code, reason }, now) {
  const lasted = (Date.parse(until ?? "") || now) - Date.parse(since);
  const how = [close_code === null ? "" : `code ${close_code}`, reason].filter(Boolean).join(": ");
  return {
    way: [WAYS[way] ?? way, address].filter(Boolean).join(" from ") || NOTHING,
    lasted: clock(lasted / 1000),
    received: bytes(received_bytes),
    began: resumed_at === null ? "anew" : `at byte ${resumed_at.toLocaleString("en")} of recording ${epoch}`,
    ended: until === null ? "still there" : how || "without a word",
  };
}

const NOTHING = "–";

/** What an encoder did, name by name. @param {Generation} generation @returns {[string, string][]} */
export function generationRows({ renditions, frames, doubled, dropped, speed, fps, exit }) {
  return [
    ["Renditions", renditions.join(", ") || NOTHING],
    ["Frames made", frames.toLocaleString("en")],
    ["Doubled, left out", `${doubled}, ${dropped}`],
    ["Speed", `${speed.toFixed(2)}×, ${Math.round(fps)} frames a second`],
    ["Exit", exit || NOTHING],
  ];
}

/** Fields of a line that stand elsewhere, or are of no use here. */
const LEFT_OUT = new Set(["timestamp", "level", "event", "broadcast", "channel", "logger"]);

/** A line of the log: JSON, or whatever it is. @param {string} line */
export function logLine(line) {
  const found = parsed(line);
  if (found === null) return { at: "", level: "", words: line };
  const { timestamp = "", level = "", event = "" } = found;
  const rest = Object.entries(found).filter(([name]) => !LEFT_OUT.has(name));
  const words = [event, ...rest.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)];
  return { at: String(timestamp), level: String(level), words: words.join("  ") };
}

/** @param {string} line @returns {Record<string, unknown> | null} */
function parsed(line) {
  try {
    const found = JSON.parse(line);
    return typeof found === "object" && !Array.isArray(found) ? found : null;
  } catch {
    return null;
  }
}
