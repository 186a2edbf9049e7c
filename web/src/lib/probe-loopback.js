// A small drawn picture, sent to the server by WebRTC and played back from it.
import { DrawnPicture } from "./drawn.js";
import { CELLS, decode, encode, since } from "./time-code.js";
import { within } from "./within.js";

/** @typedef {import("./verdicts.js").Connected} Connected */
/** @typedef {import("./verdicts.js").Played} Played */

const CONNECT_MS = 8000;
const PICTURE_MS = 8000;
const MEASURE_MS = 3000;
const SIZE = { width: 320, height: 180 };
const RATE = 15;
const CELL = SIZE.width / CELLS;
const CODE_TOP = 148;

export class Loopback {
  #way;
  /** @type {RTCPeerConnection[]} */
  #peers = [];
  /** @type {DrawnPicture | null} */
  #drawn = null;
  #session = "";
  #leave = () => void this.close();

  /** @param {RTCConfiguration} way */
  constructor(way) {
    this.#way = way;
    addEventListener("pagehide", this.#leave);
  }

  /** @returns {Promise<Connected>} */
  async publish() {
    if (typeof RTCPeerConnection === "undefined") return { missing: true, pair: null };
    this.#drawn = new DrawnPicture(SIZE, RATE, draw);
    const peer = this.#peer();
    peer.addTransceiver(this.#drawn.track, { direction: "sendonly" });
    const begun = performance.now();
    const answer = await exchange(peer, "/diagnose/whip");
    if (typeof answer === "string") return { refused: answer, pair: null };
    this.#session = answer.headers.get("Location") ?? "";
    if (!(await connected(peer))) return { pair: null };
    const seconds = (performance.now() - begun) / 1000;
    return { pair: pairOf(await peer.getStats()), seconds };
  }

  /** Once it is published. @param {HTMLVideoElement} video that shows it @param {() => void} keep keeps the last picture @returns {Promise<Played>} */
  async play(video, keep) {
    const peer = this.#peer();
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.ontrack = ({ track }) => (video.srcObject = new MediaStream([track]));
    const begun = performance.now();
    const answer = await exchange(peer, this.#session.replace("/whip/", "/whep/"));
    if (typeof answer === "string") return { refused: answer, pictures: 0, delays: [] };
    const seen = new Promise((/** @type {(done: true) => void} */ done) => video.addEventListener("loadeddata", () => done(true), { once: true }));
    video.play().catch(() => {}); // it is seen whether it does
    try {
      if ((await within(seen, PICTURE_MS)) === null) return { pictures: 0, delays: [] };
      const seconds = (performance.now() - begun) / 1000;
      const delays = await measure(video);
      return { seconds, delays, ...figures(await peer.getStats()) };
    } finally {
      keep();
      video.srcObject = null;
    }
  }

  /** Until the server knows, too: it takes one at a time. */
  async close() {
    removeEventListener("pagehide", this.#leave);
    for (const peer of this.#peers) peer.close();
    this.#drawn?.close();
    const session = this.#session;
    this.#session = "";
    if (session !== "") await fetch(session, { method: "DELETE", keepalive: true }).catch(() => {}); // it ends by itself
  }

  #peer() {
    const made = new RTCPeerConnection(this.#way);
    this.#peers.push(made);
    return made;
  }
}

/** Offer and answer: candidates of ours are not sent, the server sees whence we come. @param {RTCPeerConnection} peer @param {string} path @returns {Promise<Response | string>} the server's words, if it says no */
async function exchange(peer, path) {
  const offer = await peer.createOffer();
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/sdp" }, body: offer.sdp ?? "" });
  if (answer.status !== 201) return (await answer.json().catch(() => null))?.error?.message ?? `The server answered ${answer.status}.`;
  await peer.setLocalDescription(offer);
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  return answer;
}

/** @param {RTCPeerConnection} peer */
async function connected(peer) {
  const over = new Promise((/** @type {(done: boolean) => void} */ done) => {
    const look = () => {
      if (peer.connectionState === "connected") done(true);
      if (peer.connectionState === "failed" || peer.connectionState === "closed") done(false);
    };
    peer.onconnectionstatechange = look;
    look();
  });
  return (await within(over, CONNECT_MS)) === true;
}

/** What it is now: something that moves, and the time twice, for eyes and as a code. @param {CanvasRenderingContext2D} context */
function draw(context) {
  const now = performance.now();
  const turn = (now / 2000) * 2 * Math.PI;
  context.fillStyle = "#1c2a44";
  context.fillRect(0, 0, SIZE.width, SIZE.height);
  context.fillStyle = "#f0a04b";
  context.beginPath();
  context.arc(250 + 36 * Math.cos(turn), 72 + 36 * Math.sin(turn), 16, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = "#ffffff";
  context.font = "600 36px system-ui, sans-serif";
  context.fillText(`${(now / 1000).toFixed(1)} s`, 24, 84);
  encode(now).forEach((light, place) => {
    context.fillStyle = light ? "#ffffff" : "#000000";
    context.fillRect(place * CELL, CODE_TOP, CELL, SIZE.height - CODE_TOP);
  });
}

/** How old each picture is when it is shown, in seconds. @param {HTMLVideoElement} video @returns {Promise<number[]>} */
async function measure(video) {
  const canvas = Object.assign(document.createElement("canvas"), { width: CELLS, height: 1 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  /** @type {number[]} */
  const delays = [];
  const until = performance.now() + MEASURE_MS;
  while (context !== null && performance.now() < until) {
    if ((await nextPicture(video)) === null) continue;
    const { videoWidth: width, videoHeight: height } = video;
    const top = Math.round(height * ((CODE_TOP + SIZE.height) / 2 / SIZE.height));
    for (let place = 0; place < CELLS; place++) context.drawImage(video, Math.floor(((place + 0.5) * width) / CELLS), top, 1, 1, place, 0, 1, 1);
    const { data } = context.getImageData(0, 0, CELLS, 1);
    const drawn = decode(Array.from({ length: CELLS }, (_, place) => data[place * 4] ?? 0));
    if (drawn !== null) delays.push(since(drawn, performance.now()));
  }
  return delays;
}

/** @param {HTMLVideoElement} video @returns {Promise<true | null>} null: there is none for a while */
function nextPicture(video) {
  const next = new Promise((/** @type {(done: true) => void} */ done) => {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(() => done(true));
    else requestAnimationFrame(() => done(true));
  });
  return within(next, MEASURE_MS / 10);
}

/** @typedef {Record<string, any>} Stat */

/** @param {RTCStatsReport} stats @returns {import("./verdicts.js").Pair | null} */
function pairOf(stats) {
  /** @type {Stat[]} */
  const all = [...stats.values()];
  const pair = all.find(({ type, state, nominated }) => type === "candidate-pair" && state === "succeeded" && nominated);
  const local = pair && stats.get(pair.localCandidateId);
  if (!local) return null;
  return { type: local.candidateType, protocol: local.protocol, relayed: local.relayProtocol ?? "", roundTrip: pair.currentRoundTripTime ?? null };
}

/** @param {RTCStatsReport} stats */
function figures(stats) {
  /** @type {Stat[]} */
  const all = [...stats.values()];
  const video = all.find(({ type, kind }) => type === "inbound-rtp" && kind === "video");
  const codec = String(stats.get(video?.codecId)?.mimeType ?? "").replace(/^video\//, "");
  return { pictures: video?.framesDecoded ?? 0, lost: Math.max(0, video?.packetsLost ?? 0), received: video?.packetsReceived ?? 0, codec };
}
