// What a check of browser and connection found, in words: from facts alone, without a browser.
import { rate } from "./measure.js";
import { heightFor, LOWEST_BITRATE } from "./presets.js";

/** @typedef {"off" | "wait" | "good" | "care" | "bad"} Light */

/**
 * @typedef {object} Verdict
 * @property {Light} light
 * @property {string} words
 * @property {string} [advice] what to do
 * @property {string} [operator] what whoever runs the server can do
 * @property {string[]} measured
 */

/** The light in words: nobody has to tell colours apart. @type {Record<Light, string>} */
export const LABELS = { off: "Not tested", wait: "Checking…", good: "Works", care: "Works poorly", bad: "Does not work" };

/** What the server says that there is to be checked. @typedef {{ off: string, stun: RTCIceServer[], turn: RTCIceServer[] | null, ports: { publish: string, watch: string } }} Servers */

/** Of two peers, the way between them. @typedef {{ type: string, protocol: string, relayed: string, roundTrip: number | null }} Pair */

const NO_WEBRTC = "This browser has no WebRTC, or it is switched off.";
const SLOW_SECONDS = 0.5;
const LOSSY = 0.02;
const LATE_SECONDS = 1;

/** @param {string} words @param {string} [advice] @returns {Verdict} */
export function untested(words, advice) {
  return { light: "off", words, advice, measured: [] };
}

/** @param {string} words @param {string} advice @param {string} [operator] @returns {Verdict} */
function broken(words, advice, operator) {
  return { light: "bad", words, advice, operator, measured: [] };
}

/** Why there is no camera (microphone), by the codes of publish-errors.js. @param {string} code @param {string} device @returns {Verdict} */
function withoutDevice(code, device) {
  const words = `The ${device}`;
  if (code === "not_secure") return broken(`Browsers give the ${device} only to pages by HTTPS, or on localhost.`, "Open this page by HTTPS.");
  if (code === "permission_denied") return broken("This page is not allowed to use it.", `Allow the ${device} beside the address of this page, and for the browser in the settings of your system. Then check again.`);
  if (code === "no_device") return untested(`No ${device} was found.`, `To broadcast with one, plug it in. To watch, none is needed.`);
  if (code === "unanswered") return untested(`The browser asked whether this page may use the ${device}, and had no answer.`, "Check again, and allow it.");
  if (code === "device_busy") return broken(`${words} is in use by another program, or the system does not give it.`, "Close the other program, or the other tab. Then check again.");
  return broken(`${words} cannot be opened.`, "Plug it in anew, or start the browser again. Then check again.");
}

/** @param {{ failure?: string, width?: number, height?: number, frames?: number }} facts `frames`: a second @returns {Verdict} */
export function camera({ failure, width = 0, height = 0, frames = 0 }) {
  if (failure !== undefined) return withoutDevice(failure, "camera");
  if (width === 0) return broken("The camera is open, but gives no picture.", "See whether another program uses it, or a switch on it is off.");
  return { light: "good", words: "It gives a picture.", measured: [`${width} × ${height}`, `${Math.round(frames)} pictures a second`] };
}

/** @param {{ failure?: string, peak?: number }} facts `peak`: the loudest, 1 is full scale @returns {Verdict} */
export function microphone({ failure, peak = 0 }) {
  if (failure !== undefined) return withoutDevice(failure, "microphone");
  const measured = [peak > 0 ? `loudest ${Math.round(20 * Math.log10(peak))} dB` : "silence"];
  if (peak < HEARD_PEAK) return { light: "care", words: "It is open, but nothing was heard.", advice: "Check again and say something meanwhile. If that does not help, see whether it is muted, and which one is chosen in the browser.", measured };
  return { light: "good", words: "You are heard.", measured };
}

/** Louder than a quiet room. */
export const HEARD_PEAK = 0.02;

/** @param {{ open: boolean, refused?: string, roundTrips: number[] }} facts seconds; `refused`: the server's own words @returns {Verdict} */
export function socket({ open, refused = "", roundTrips }) {
  if (refused !== "") return untested(refused, "Check again in a moment.");
  const advice = "Something on the way blocks WebSockets: a proxy, a VPN, or a program that watches the network. Try another network.";
  const operator = "A proxy before the server has to pass on WebSockets at /ws (the headers Upgrade and Connection).";
  if (!open) return broken("No WebSocket to this server comes about.", advice, operator);
  if (roundTrips.length === 0) return broken("A WebSocket opens, but nothing comes back through it.", advice, operator);
  const middle = median(roundTrips);
  const measured = [`round trip ${milliseconds(middle)}`, `longest of ${roundTrips.length}: ${milliseconds(Math.max(...roundTrips))}`];
  if (middle > SLOW_SECONDS) return { light: "care", words: "Messages go both ways, but slowly.", advice: "A broadcast goes, with more delay. Another network may be quicker.", measured };
  return { light: "good", words: "Messages go both ways.", measured };
}

/**
 * @param {{ nobody?: boolean, nowhere?: boolean, failure?: string, channel?: string, bitsPerSecond?: number }} facts
 *   `nobody` is signed in; `nowhere`: there is no channel to publish to; `failure`: why it was not measured
 * @returns {Verdict}
 */
export function upload({ nobody, nowhere, failure, channel = "", bitsPerSecond = 0 }) {
  if (nobody) return untested("Sign in to test this.", "The upload is measured for those who may broadcast. To watch, none is needed.");
  if (nowhere) return untested("You may not publish to any channel yet.");
  if (failure !== undefined) return untested(failure, "Check again in a moment.");
  const measured = [rate(bitsPerSecond), ...(channel === "" ? [] : [`as for the channel ${channel}`])];
  if (bitsPerSecond < LOWEST_BITRATE * 1.5) return { light: "care", words: "Hardly enough for any picture.", advice: "Come nearer to the Wi-Fi, use a cable, or another network.", measured };
  return { light: "good", words: `Enough for ${heightFor(bitsPerSecond * 0.7, 1080)}p.`, measured };
}

/**
 * What came of asking STUN or TURN servers for addresses.
 * @typedef {object} Gathered
 * @property {string[]} found of each address its way: `udp`; of a relay's: `udp`, `tcp` or `tls`
 * @property {{ code: number, text: string }[]} errors
 * @property {boolean} [missing] the browser has no WebRTC
 */

/** @param {Servers} servers @param {Gathered} gathered @returns {Verdict} */
export function stun(servers, { found, errors, missing }) {
  if (servers.off) return untested(servers.off);
  if (missing) return broken(NO_WEBRTC, "Use a current browser, or switch WebRTC on in it.");
  if (servers.stun.length === 0) return untested("No STUN server is configured.", "None is needed where the server itself can be reached by UDP.");
  if (found.length > 0) return { light: "good", words: "It says under which address others see you.", measured: [counted(servers.stun.length, "server")] };
  if (errors.length === 0) return untested("No other address came of it: this device may need none.");
  return broken("The STUN server does not answer.", "UDP may be blocked in this network: see below.", `See whether ${names(servers.stun)} can be reached by UDP (webrtc.stun).`);
}

/** @param {Servers} servers @param {Gathered} gathered @returns {Verdict} */
export function turn(servers, { found, errors, missing }) {
  if (servers.off) return untested(servers.off);
  if (missing) return broken(NO_WEBRTC, "Use a current browser, or switch WebRTC on in it.");
  if (servers.turn === null) return untested("Sign in to test this.", "The TURN server is only for those who may watch or publish here.");
  if (servers.turn.length === 0) return untested("No TURN server is configured.", "One helps where UDP is blocked.");
  const measured = [...new Set(found)].map((way) => `relays by ${way.toUpperCase()}`);
  if (found.length > 0) return { light: "good", words: "It relays for you.", measured };
  const refused = errors.find(({ code }) => code >= 400 && code < 700);
  const mend = `See whether ${names(servers.turn)} runs, can be reached, and has the same secret (webrtc.turn_secret).`;
  if (refused) return broken(`The TURN server refuses: ${refused.text || "no reason given"} (${refused.code}).`, "Tell whoever runs this server.", mend);
  return broken("No TURN server answers.", "This network may block it. Try another one.", mend);
}

/**
 * @typedef {object} Connected what came of publishing by WebRTC
 * @property {string} [refused] the server's own words
 * @property {boolean} [missing] the browser has no WebRTC
 * @property {Pair | null} pair null: none came about
 * @property {number} [seconds] until it did
 */

/** @param {Servers} servers @param {Connected} direct without a relay @param {boolean} relays whether TURN works @returns {Verdict} */
export function udp(servers, direct, relays) {
  if (servers.off) return untested(servers.off);
  if (direct.missing) return broken(NO_WEBRTC, "Use a current browser, or switch WebRTC on in it.");
  if (direct.refused) return untested(direct.refused, "Check again in a moment.");
  if (direct.pair) return { light: "good", words: "Media gets through to the server.", measured: way(direct) };
  const instead = relays ? "WebRTC goes by the TURN server, if at all." : "Watching goes on by HLS; publishing by WebSocket.";
  const operator = `Let UDP in on ${servers.ports.publish} (publishers) and ${servers.ports.watch} (viewers), and behind NAT set webrtc.public_address.`;
  return broken(`UDP to this server does not get through. ${instead}`, "The network you are in may block UDP. Try another one, or without a VPN.", operator);
}

/**
 * @typedef {object} Played what came of getting it back
 * @property {string} [refused]
 * @property {number} pictures
 * @property {number} [seconds] until the first
 * @property {number[]} delays seconds from being drawn to being seen
 * @property {string} [codec]
 * @property {number} [lost] packets
 * @property {number} [received] packets
 */

/** @param {Servers} servers @param {Connected} connected by whatever way @param {Played | null} played null: it did not come to that @returns {Verdict} */
export function loopback(servers, connected, played) {
  if (servers.off) return untested(`${servers.off} Watching goes by HLS, publishing by WebSocket.`);
  if (connected.missing) return untested("This takes WebRTC.");
  const refused = connected.refused ?? played?.refused;
  if (refused) return untested(refused, "Check again in a moment.");
  const instead = "Watching goes on by HLS; publishing by WebSocket.";
  if (!connected.pair || !played) return broken(`No connection by WebRTC. ${instead}`, "See UDP and TURN above.");
  if (played.pictures === 0) return broken(`The picture that this page sends does not come back. ${instead}`, "Check again. If it stays so, tell whoever runs this server.", `See the log, and whether UDP gets out of ${servers.ports.watch}.`);
  const { delays, lost = 0, received = 0, codec, seconds } = played;
  const loss = lost / Math.max(1, lost + received);
  const delay = delays.length > 0 ? median(delays) : null;
  const measured = [
    ...(delay === null ? [] : [`delay ${milliseconds(delay)}`]),
    ...(codec ? [codec] : []),
    `${(loss * 100).toFixed(1).replace(/\.0$/, "")} % of packets lost`,
    ...(seconds === undefined ? [] : [`first picture after ${milliseconds(seconds)}`]),
    ...way(connected).slice(0, 1),
  ];
  if (loss > LOSSY || (delay ?? 0) > LATE_SECONDS) return { light: "care", words: "The picture comes back, but not well.", advice: "Come nearer to the Wi-Fi, use a cable, or another network.", measured };
  return { light: "good", words: "The picture that this page sends comes back.", measured };
}

/** @param {Connected} connected @returns {string[]} */
function way({ pair, seconds }) {
  if (!pair) return [];
  const { type, protocol, relayed, roundTrip } = pair;
  const by = type === "relay" ? `by TURN over ${(relayed || protocol).toUpperCase()}` : `directly by ${protocol.toUpperCase()}`;
  return [by, ...(roundTrip === null ? [] : [`round trip ${milliseconds(roundTrip)}`]), ...(seconds === undefined ? [] : [`connected after ${milliseconds(seconds)}`])];
}

/** @param {number} seconds */
function milliseconds(seconds) {
  return `${Math.max(1, Math.round(seconds * 1000))} ms`;
}

/** @param {number[]} values */
function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** @param {number} count @param {string} word */
function counted(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** @param {RTCIceServer[]} servers */
function names(servers) {
  return servers.map(({ urls }) => urls).join(", ");
}

/** All in one sentence. @param {Verdict[]} verdicts @returns {string} */
export function summary(verdicts) {
  const count = (/** @type {Light} */ light) => verdicts.filter((verdict) => verdict.light === light).length;
  const parts = [`${count("good")} ${count("good") === 1 ? "works" : "work"}`];
  if (count("care") > 0) parts.push(`${count("care")} poorly`);
  if (count("bad") > 0) parts.push(`${count("bad")} ${count("bad") === 1 ? "does" : "do"} not`);
  if (count("off") > 0) parts.push(`${count("off")} not tested`);
  return `Done: ${parts.join(", ")}.`;
}

/**
 * For whoever is asked for help: no secret, no address of the person, no name of a device.
 * @param {{ title: string, verdict: Verdict | null }[]} checks
 * @param {{ site: string, browser: string, at: string }} about
 */
export function report(checks, { site, browser, at }) {
  const lines = checks.map(({ title, verdict }) => {
    if (verdict === null) return `${title}: not tested`;
    const { light, words, operator, measured } = verdict;
    const figures = measured.length > 0 ? ` (${measured.join(", ")})` : "";
    return `${title}: ${LABELS[light].toLowerCase()}. ${words}${figures}${operator ? `\n  For the operator: ${operator}` : ""}`;
  });
  return [`Browser and connection, ${site}, ${at}`, `Browser: ${browser}`, "", ...lines, ""].join("\n");
}
