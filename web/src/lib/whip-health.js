// How a broadcast by WebRTC is, at a glance: what the network loses is lost, and nothing here may say otherwise.
import { bitrate as rate } from "./format.js";
import { health } from "./health.js";

/** @typedef {import("./health.js").Health} Health */
/** @typedef {import("./health.js").Situation} Situation */

const MANY = 0.05; // of the packets: from here on pictures break
const LIMITED_SECONDS = 6; // a browser begins with little, and sends more as it learns what the way bears

/** @param {Situation} situation @param {boolean} over the server has ended the broadcast @returns {Health} */
export function whipHealth(situation, over) {
  if (situation.state === "live") return live(situation);
  if (situation.state === "stopping") return say("wait", "Finishing…");
  if (situation.state !== "reconnecting") return health(situation);
  const { message, statistics } = situation;
  const wait = over ? "The server has ended the broadcast; a new one begins once there is a connection." : "Nobody sees you meanwhile, and nothing of it is kept.";
  const next = statistics.retrySeconds >= 1 ? ` Next try in ${Math.ceil(statistics.retrySeconds)} s.` : "";
  return say("bad", `${message} ${wait}`, next);
}

/** @param {Situation} situation @returns {Health} */
function live({ status, statistics, behind }) {
  const { network } = statistics;
  if (status !== null && status.state === "starting" && status.media_time > 0) return say("wait", "Connected again. Viewers see you in a moment.");
  if (status === null || status.state === "starting") return say("wait", "Connected. The first seconds are on their way; nobody sees you yet.");
  if (status.state !== "live") return say("care", status.message);
  if (network && network.lost >= MANY) return say("care", "The network loses much of what you send: the picture may stand or break.", ` ${Math.round(network.lost * 100)} % does not arrive at first.`);
  if (network && network.limitedSeconds >= LIMITED_SECONDS && network.limited !== "other") return say("care", limits(network.limited), ` Sent at ${rate(network.bitrate)}.`);
  if (status.viewers === 0) return say("good", "You are live.", "", "Live. Nobody is watching at the moment.");
  const others = behind === null ? "" : ` By HLS they are ${behind.toFixed(1)} s behind.`;
  return say("good", "You are live.", "", `Live. Viewers by WebRTC are a fraction of a second behind.${others}`);
}

/** @param {string} limited */
function limits(limited) {
  return limited === "cpu" ? "This device is too busy to make the picture as good as you chose." : "Your upload carries less than you chose: the picture is made worse for it.";
}

/** @param {import("./health.js").Light} light @param {string} said @param {string} [figures] @param {string} [words] @returns {Health} */
function say(light, said, figures = "", words = said) {
  return { light, words: words + figures, said };
}
