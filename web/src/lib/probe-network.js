// What gets through to the server by HTTP and WebSocket, and what STUN and TURN servers answer.
import { channelPath, fetchMyChannels } from "./api.js";
import * as credentials from "./credentials.js";
import { Permission } from "./permission.js";
import { fetchSession } from "./session.js";
import { secrets } from "./store.js";
import { measureUpload, noise } from "./upload-test.js";
import { within } from "./within.js";

/** @typedef {import("./verdicts.js").Gathered} Gathered */
/** @typedef {import("./verdicts.js").Servers} Servers */

const SOCKET_MS = 8000;
const PINGS = 5;
const UPLOAD_MS = 30_000;
const GATHER_MS = 12_000; // Chromium gives a STUN server up after 9.5 s

/** @returns {Promise<Servers>} */
export async function fetchServers() {
  const answer = await fetch("/diagnose/servers", { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return answer.json();
}

/** By the address that publishers use. */
export async function trySocket() {
  /** @type {{ open: boolean, refused?: string, roundTrips: number[] }} */
  const facts = { open: false, roundTrips: [] };
  const address = credentials.socketAddress(location, { channel: "", streamKey: "", token: "" });
  const socket = new WebSocket(address, "ingestd.echo");
  let sent = 0;
  const over = new Promise((/** @type {(done: true) => void} */ done) => {
    const ping = () => {
      sent = performance.now();
      socket.send(String(sent));
    };
    socket.onopen = () => {
      facts.open = true;
      ping();
    };
    socket.onmessage = ({ data }) => {
      if (data !== String(sent)) return;
      facts.roundTrips.push((performance.now() - sent) / 1000);
      if (facts.roundTrips.length < PINGS) ping();
      else done(true);
    };
    socket.onclose = ({ reason }) => {
      facts.refused = reason;
      done(true);
    };
  });
  await within(over, SOCKET_MS);
  socket.onclose = null;
  socket.close();
  return facts;
}

/** With a broadcast link of this tab, or as who is signed in. */
export async function tryUpload() {
  const given = credentials.take(secrets, location, history);
  if (given !== null) return measure(new Permission(given));
  const { user } = await fetchSession();
  if (user === null) return { nobody: true };
  const mine = (await fetchMyChannels()).filter(({ may }) => may?.publish);
  // not where somebody is live, if there is another one
  const chosen = mine.find((channel) => !live(channel)) ?? mine[0];
  return chosen === undefined ? { nowhere: true } : measure(Permission.of(chosen.channel));
}

/** @param {import("./types.js").Channel} channel */
function live({ broadcast }) {
  return broadcast !== null && broadcast.ended_at === null;
}

/** @param {Permission} permission */
async function measure({ channel, headers }) {
  if (channel === "") return { failure: "The broadcast link of this tab names no channel." };
  const control = new AbortController();
  const send = async (/** @type {number} */ bytes) => {
    const body = noise(bytes, (block) => crypto.getRandomValues(block));
    const answer = await fetch(`/api/v1${channelPath(channel, "upload-test")}`, { method: "PUT", body, signal: control.signal, headers: { Accept: "application/json", "X-Ingestd": "1", ...headers } });
    if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.error?.message ?? `The server answered ${answer.status}.`);
  };
  try {
    const bitsPerSecond = await within(measureUpload(send, () => performance.now()), UPLOAD_MS);
    return bitsPerSecond === null ? { failure: "It took too long." } : { channel, bitsPerSecond };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  } finally {
    control.abort();
  }
}

/** Addresses that such servers give. @param {RTCIceServer[]} servers @param {"srflx" | "relay"} wanted @returns {Promise<Gathered>} */
export async function gather(servers, wanted) {
  /** @type {Gathered} */
  const facts = { found: [], errors: [] };
  if (typeof RTCPeerConnection === "undefined") return { ...facts, missing: true };
  if (servers.length === 0) return facts;
  const peer = new RTCPeerConnection({ iceServers: servers, iceTransportPolicy: wanted === "relay" ? "relay" : "all" });
  try {
    const done = new Promise((/** @type {(done: true) => void} */ resolve) => {
      peer.onicecandidate = ({ candidate }) => {
        if (candidate === null) return resolve(true);
        if (candidate.type === wanted) facts.found.push(relayProtocol(candidate));
        if (wanted === "srflx" && facts.found.length > 0) resolve(true);
      };
    });
    peer.onicecandidateerror = ({ errorCode, errorText }) => facts.errors.push({ code: errorCode, text: errorText });
    peer.createDataChannel("");
    await peer.setLocalDescription();
    await within(done, GATHER_MS);
    if (facts.found.length === 0 && peer.iceGatheringState !== "complete") facts.errors.push({ code: 0, text: "" });
    return facts;
  } finally {
    peer.close();
  }
}

/** How one speaks to the relay itself. @param {RTCIceCandidate & { relayProtocol?: string, url?: string }} candidate */
function relayProtocol({ relayProtocol, url, protocol }) {
  if (relayProtocol) return relayProtocol;
  return url?.startsWith("turns:") ? "tls" : (/transport=(\w+)/.exec(url ?? "")?.[1] ?? protocol ?? "udp");
}
