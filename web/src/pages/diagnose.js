// Whether this browser and this connection are good for watching and broadcasting here: one check after the other.
import { byId, element, inside, setAttribute, setText, show } from "../lib/dom.js";
import { along } from "../lib/meter.js";
import { tryCamera, tryMicrophone } from "../lib/probe-devices.js";
import { Loopback } from "../lib/probe-loopback.js";
import { fetchServers, gather, trySocket, tryUpload } from "../lib/probe-network.js";
import * as verdicts from "../lib/verdicts.js";

/** @typedef {import("../lib/verdicts.js").Verdict} Verdict */
/** @typedef {import("../lib/verdicts.js").Servers} Servers */
/** @typedef {import("../lib/verdicts.js").Connected} Connected */

const DEVICES = ["camera", "microphone"];
const COPIED_FOR_MS = 2000;
const rows = [...byId("probes", HTMLElement).children].filter((row) => row instanceof HTMLElement);
const buttons = ["everything", "connection"].map((id) => byId(id, HTMLButtonElement));
/** @type {Map<string, Verdict>} */
const found = new Map();

/** What the checks of the network hand on from one to the next. */
class Network {
  /** @type {Promise<Servers> | null} */
  #servers = null;
  #relays = false;
  /** @type {Connected} */
  #connected = { pair: null };
  /** @type {Loopback | null} */
  #loopback = null;

  get servers() {
    return (this.#servers ??= fetchServers());
  }

  async stun() {
    const servers = await this.servers;
    return verdicts.stun(servers, await gather(servers.off ? [] : servers.stun, "srflx"));
  }

  async turn() {
    const servers = await this.servers;
    const verdict = verdicts.turn(servers, await gather(servers.off ? [] : (servers.turn ?? []), "relay"));
    this.#relays = verdict.light === "good";
    return verdict;
  }

  /** Straight on: a relay may not help. What has come about is used for the next check, too. */
  async udp() {
    const servers = await this.servers;
    if (!servers.off) await this.#publish({});
    return verdicts.udp(servers, this.#connected, this.#relays);
  }

  async loopback() {
    const servers = await this.servers;
    const blocked = this.#connected.pair === null && !this.#connected.refused && !servers.off;
    if (blocked && this.#relays) await this.#publish({ iceServers: servers.turn ?? [], iceTransportPolicy: "relay" });
    const { video, keep } = looking("loopback");
    const played = this.#connected.pair && this.#loopback ? await this.#loopback.play(video, keep) : null;
    return verdicts.loopback(servers, this.#connected, played);
  }

  /** @param {RTCConfiguration} way */
  async #publish(way) {
    await this.#loopback?.close();
    this.#loopback = new Loopback(way);
    this.#connected = await this.#loopback.publish();
  }

  async close() {
    await this.#loopback?.close();
  }
}

/** @param {string[]} wanted names of checks */
async function run(wanted) {
  const network = new Network();
  /** @type {Record<string, () => Promise<Verdict>>} */
  const checks = {
    camera: async () => {
      const { video, keep } = looking("camera");
      return verdicts.camera(await tryCamera(video, keep));
    },
    microphone: async () => verdicts.microphone(await tryMicrophone(level)),
    socket: async () => verdicts.socket(await trySocket()),
    upload: async () => verdicts.upload(await tryUpload()),
    stun: () => network.stun(),
    turn: () => network.turn(),
    udp: () => network.udp(),
    loopback: () => network.loopback(),
  };
  for (const button of buttons) button.disabled = true;
  show(byId("report-part", HTMLElement), false);
  found.clear();
  // each appears when it is its turn, below the last: nothing moves that is being read
  for (const row of rows) show(row, !wanted.includes(nameOf(row)));
  for (const row of rows) fill(row, verdicts.untested("Left out."));
  let count = 0;
  for (const row of rows.filter((one) => wanted.includes(nameOf(one)))) {
    const name = nameOf(row);
    say(`Checking ${titleOf(row)}, ${++count} of ${wanted.length}…`);
    show(row, true);
    fill(row, { light: "wait", words: DEVICES.includes(name) ? "Allow it, if the browser asks." : "", measured: [] });
    const verdict = await /** @type {() => Promise<Verdict>} */ (checks[name])().catch(failed);
    found.set(name, verdict);
    fill(row, verdict);
  }
  await network.close();
  say(verdicts.summary([...found.values()]));
  tellReport();
  for (const button of buttons) button.disabled = false;
}

/** @param {unknown} error @returns {Verdict} */
function failed(error) {
  console.warn(error);
  return { light: "bad", words: "It could not be checked: the server gave no answer.", advice: "See whether you are online. Then check again.", measured: [] };
}

function tellReport() {
  const checks = rows.map((row) => ({ title: titleOf(row), verdict: found.get(nameOf(row)) ?? null }));
  const at = `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`;
  byId("report", HTMLTextAreaElement).value = verdicts.report(checks, { site: location.origin, browser: navigator.userAgent, at });
  show(byId("report-part", HTMLElement), true);
}

async function copy() {
  const report = byId("report", HTMLTextAreaElement);
  const button = byId("copy", HTMLButtonElement);
  const copied = await navigator.clipboard?.writeText(report.value).then(() => true, () => false);
  if (!copied) report.select(); // pages without HTTPS may not: then a key press is left to the person
  setText(button, copied ? "Copied" : "Press Ctrl+C");
  say(copied ? "The report is copied." : "Select the report and press Ctrl+C.");
  setTimeout(() => setText(button, "Copy report"), COPIED_FOR_MS);
}

/** @param {HTMLElement} row @param {Verdict} verdict */
function fill(row, { light, words, advice = "", operator = "", measured }) {
  setAttribute(row, "data-light", light);
  setAttribute(inside(row, "use", SVGUseElement), "href", `/assets/icons.svg#light-${light}`);
  setText(inside(row, ".state", HTMLElement), verdicts.LABELS[light]);
  setText(inside(row, ".words", HTMLElement), words);
  line(inside(row, ".advice", HTMLElement), advice);
  line(inside(row, ".operator", HTMLElement), operator && `For whoever runs this server: ${operator}`);
  const list = inside(row, ".measured", HTMLElement);
  list.replaceChildren(...measured.map((figure) => element("li", {}, figure)));
  show(list, measured.length > 0);
  if (light !== "wait") for (const shown of row.querySelectorAll(".level")) if (shown instanceof HTMLElement) show(shown, false);
}

/** @param {HTMLElement} where @param {string} words */
function line(where, words) {
  setText(where, words);
  show(where, words !== "");
}

/** Where a check shows a picture: it moves meanwhile, and its last one stays. @param {string} name */
function looking(name) {
  const look = inside(byId("probes", HTMLElement), `[data-check="${name}"] .look`, HTMLElement);
  const video = inside(look, "video", HTMLVideoElement);
  const canvas = inside(look, "canvas", HTMLCanvasElement);
  const turn = (/** @type {boolean} */ moves) => {
    show(video, moves);
    show(canvas, !moves);
  };
  const begin = () => {
    turn(true);
    show(look, true);
  };
  const keep = () => {
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    turn(false);
    show(look, video.videoWidth > 0);
  };
  show(look, false);
  video.addEventListener("loadeddata", begin, { once: true });
  return { video, keep };
}

/** @param {number} peak */
function level(peak) {
  const place = inside(byId("probes", HTMLElement), ".level", HTMLElement);
  show(place, true);
  inside(place, "div", HTMLElement).style.transform = `scaleX(${along(peak)})`;
}

/** @param {string} words */
function say(words) {
  setText(byId("said", HTMLElement), words);
}

/** @param {HTMLElement} row */
function nameOf(row) {
  return row.dataset.check ?? "";
}

/** @param {HTMLElement} row */
function titleOf(row) {
  return row.querySelector("h3")?.textContent ?? "";
}

const all = rows.map(nameOf);
byId("everything", HTMLButtonElement).addEventListener("click", () => void run(all));
byId("copy", HTMLButtonElement).addEventListener("click", () => void copy());
const connection = () => void run(all.filter((name) => !DEVICES.includes(name)));
byId("connection", HTMLButtonElement).addEventListener("click", connection);
// of a link on a page where something goes wrong; the camera is asked for only by who presses
if (new URLSearchParams(location.search).get("check") === "connection") connection();
