// A publisher by WebRTC among fakes: a peer connection, and a server that answers as a test says.
import { Publisher } from "../lib/publisher.js";
import { whipRoad } from "../lib/whip-road.js";
import { settle } from "./clock.js";
import { FakePeer } from "./direct.js";
import { fakePublishing, FakeSource } from "./publishing.js";

class FakeSender {
  parameters = /** @type {any} */ ({ encodings: [{}] });
  /** @param {any} track */
  constructor(track) {
    this.track = track;
  }
  getParameters() {
    return structuredClone(this.parameters);
  }
  /** @param {any} parameters */
  async setParameters(parameters) {
    this.parameters = parameters;
  }
  /** @param {any} track */
  async replaceTrack(track) {
    this.track = track;
  }
}

export class SendingPeer extends FakePeer {
  /** @type {FakeSender[]} */
  senders = [];
  /** @type {any[]} */
  codecs = [];
  /** @override @param {any} track @param {any} how @returns {any} */
  addTransceiver(track, how) {
    this.calls.push(`${track.kind} ${how.direction} ${JSON.stringify(how.sendEncodings)}`);
    const sender = new FakeSender(track);
    this.senders.push(sender);
    return { sender, setCodecPreferences: (/** @type {any[]} */ codecs) => (this.codecs = codecs) };
  }
  /** Something comes from the server, and so much more went there. @param {number} bytes */
  hears(bytes) {
    const { bytesReceived: before = 0, sent = 0 } = this.stats[0] ?? {};
    this.stats = [
      { type: "candidate-pair", state: "succeeded", nominated: true, bytesReceived: before + 100, sent: sent + bytes, currentRoundTripTime: 0.02 },
      { type: "outbound-rtp", kind: "video", bytesSent: sent + bytes },
    ];
  }
}

/** @param {string} name @param {string[]} [kinds] */
export function fakeSource(name, kinds = ["video", "audio"]) {
  const tracks = kinds.map((kind) => ({ kind, name }));
  const stream = { getTracks: () => tracks, getVideoTracks: () => tracks.filter(({ kind }) => kind === "video") };
  return Object.assign(new FakeSource(), { stream: /** @type {any} */ (stream), shape: { frameRate: 30 } });
}

/** @param {{ kinds?: string[], takeover?: boolean }} [how] */
export function beginWhip({ kinds, takeover = false } = {}) {
  const { clock, environment } = fakePublishing();
  /** @type {SendingPeer[]} */
  const peers = [];
  /** @type {any[]} */
  const asked = [];
  /** What the server tells of the channel. @type {import("../lib/types.js").Broadcast[]} */
  const news = [];
  const server = { status: 201, headers: /** @type {Record<string, string>} */ ({}), error: /** @type {any} */ (null), gone: false };
  const fetch = async (/** @type {string} */ url, /** @type {any} */ init) => {
    asked.push({ url, ...init });
    if (server.gone) throw new TypeError("Failed to fetch");
    const { status } = server;
    const Location = `/whip/demo/s${asked.length}`;
    return { status, url: "http://here/whip/demo", headers: new Headers({ Location, ...server.headers }), text: async () => "answer", json: async () => ({ error: server.error }) };
  };
  const outside = /** @type {any} */ ({ fetch, codecs: () => [{ mimeType: "video/VP8" }, { mimeType: "video/AV1" }], connection: () => (peers.push(new SendingPeer()), peers.at(-1)) });
  /** @type {string[]} */
  const states = [];
  const publisher = new Publisher(({ state }) => state !== states.at(-1) && states.push(state), environment);
  const source = fakeSource("one", kinds);
  const papers = { url: "", channel: "demo", bearer: () => "k", protocols: () => [], renew: null, advice: "Open a new link." };
  const order = { ...papers, openSource: async () => source, road: () => whipRoad(() => news, outside), bitrate: 2_500_000, title: "A title", takeover };
  const peer = () => /** @type {SendingPeer} */ (peers.at(-1));
  /** Seconds go by in which media flows. @param {number} seconds */
  const pass = async (seconds) => {
    for (let at = 0; at < seconds; at++) {
      peer().hears(10_000);
      clock.advance(1000);
      await settle();
    }
  };
  const connect = async () => (await settle(), peer().become("connected"));
  const goLive = async () => {
    await publisher.start(order);
    await connect();
  };
  return { clock, publisher, order, source, peers, peer, asked, news, server, states, pass, connect, goLive };
}
