// WebRTC by WHEP (draft-ietf-wish-whep-03), as the player uses it. Loaded only where a broadcast offers it.
import { negotiate, retryAfter } from "./signalling.js";
import { delay, look } from "./whep.js";

/** @typedef {import("./engine.js").Engine} Engine */
/** @typedef {import("./direct.js").DirectEngine} DirectEngine */
/** @typedef {import("./types.js").Broadcast} Broadcast */

/**
 * @typedef {object} Outside what a test puts fakes for
 * @property {() => RTCPeerConnection} connection
 * @property {typeof fetch} fetch
 * @property {() => number} now milliseconds
 * @property {(run: () => void, ms: number) => number} setInterval
 * @property {(timer: number) => void} clearInterval
 * @property {EventTarget} page which tells when it is left
 */

const FIRST_LOOK_MS = 100; // until there is a picture
const LOOK_MS = 500;
const LEAST_SECONDS = 0.1;
const REWIND_SECONDS = 60; // one goes back by the playlist, which says then how far

/** The server does not let one watch so now. */
export class Refused extends Error {
  /** @param {number} status @param {number} wait milliseconds that it asks for */
  constructor(status, wait) {
    super(`WHEP was answered with ${status}`);
    this.wait = wait;
  }
}

/**
 * Asks for it at once.
 * @param {{ path: string, token: string, address: string, broadcast: () => Broadcast | null }} what
 *   `token`: of a watch link, "" without one; `address`: of the playlist for another device
 * @param {Outside} [outside]
 * @returns {DirectEngine}
 */
export function whepEngine({ path, token, address, broadcast }, outside = browser()) {
  const pc = outside.connection();
  const stream = new MediaStream();
  /** @type {HTMLVideoElement | null} */
  let video = null;
  let session = "";
  let over = false;
  let timer = 0;
  let grewAt = outside.now();
  let seconds = 0;
  let last = look([]);
  /** @type {(failure?: unknown) => void} */
  let ready = () => {};
  /** @type {Record<string, string>} */
  const headers = token === "" ? {} : { Authorization: `Bearer ${token}` };
  const first = new Promise((done, fail) => (ready = (failure) => (failure === undefined ? done(undefined) : fail(failure))));
  let lost = false;

  const lose = (/** @type {unknown} */ failure) => {
    lost = true;
    ready(failure);
  };
  const leave = () => {
    if (session !== "") outside.fetch(session, { method: "DELETE", headers, keepalive: true }).catch(() => {}); // the server sees it, too
    session = "";
  };
  const post = async (/** @type {string} */ body) => {
    const answer = await outside.fetch(path, { method: "POST", headers: { ...headers, "Content-Type": "application/sdp" }, body });
    if (answer.status !== 201) throw new Refused(answer.status, retryAfter(answer.headers.get("Retry-After")));
    return answer;
  };
  const ask = async () => {
    for (const kind of ["video", "audio"]) pc.addTransceiver(kind, { direction: "recvonly" });
    await negotiate(pc, post, (/** @type {string} */ made) => {
      session = made;
      if (over) leave();
      return !over;
    });
    outside.clearInterval(timer);
    if (!over) timer = outside.setInterval(watch, FIRST_LOOK_MS);
  };
  const watch = async () => {
    const now = look((await pc.getStats()).values());
    if (over || now.progress <= last.progress) return;
    if (last.progress === 0) {
      outside.clearInterval(timer);
      timer = outside.setInterval(watch, LOOK_MS);
      ready();
    } else seconds = delay(last, now);
    last = now;
    grewAt = outside.now();
  };
  pc.ontrack = ({ track }) => stream.addTrack(track);
  pc.onconnectionstatechange = () => (pc.connectionState === "failed" || pc.connectionState === "closed") && lose(new Error(pc.connectionState));
  outside.page.addEventListener("pagehide", leave);
  ask().catch(lose);

  return {
    first,
    show: (shown) => {
      video = shown;
      video.srcObject = stream;
    },
    standing: () => (lost ? Infinity : outside.now() - grewAt),
    qualities: () => qualities(broadcast()),
    choose: () => {}, // there is one
    automatic: () => (video && video.videoHeight > 0 ? `${video.videoHeight}p` : ""),
    liveEdge: () => video?.currentTime ?? null,
    behind: () => Math.max(LEAST_SECONDS, seconds), // to tenths, nothing is at 0
    window: () => video && { start: video.currentTime - Math.min(REWIND_SECONDS, broadcast()?.media_time ?? 0), end: video.currentTime },
    keepBehind: () => {},
    segment: () => 0,
    dateAt: () => null,
    pictures: () => null,
    address: () => address,
    resume: () => {},
    recover: () => {},
    destroy: () => {
      over = true;
      outside.clearInterval(timer);
      outside.page.removeEventListener("pagehide", leave);
      leave();
      pc.close();
      if (video?.srcObject === stream) video.srcObject = null;
    },
  };
}

/** What the playlist has: to choose one is to play that. @param {Broadcast | null} broadcast */
function qualities(broadcast) {
  const heights = new Set((broadcast?.renditions ?? []).map(({ height }) => height).filter((height) => height > 0));
  return [...heights].sort((a, b) => b - a).map((height) => ({ value: `${height}p`, label: `${height}p` }));
}

/** @returns {Outside} */
function browser() {
  return {
    connection: () => new RTCPeerConnection(),
    fetch: (path, how) => fetch(path, how),
    now: () => performance.now(),
    setInterval: (run, ms) => window.setInterval(run, ms),
    clearInterval: (timer) => window.clearInterval(timer),
    page: window,
  };
}
