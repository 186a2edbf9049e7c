// What the tests of WebRTC have instead of a browser and a server.

export class FakePeer {
  /** @type {Record<string, any>[]} what getStats() tells */
  stats = [];
  /** @type {string[]} */
  calls = [];
  connectionState = "new";
  /** @type {(event: any) => void} */
  ontrack = () => {};
  onconnectionstatechange = () => {};
  /** @param {string} kind @param {{ direction: string }} how */
  addTransceiver(kind, { direction }) {
    this.calls.push(`${kind} ${direction}`);
  }
  async createOffer() {
    return { type: "offer", sdp: "v=0\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\n" };
  }
  /** @param {{ type: string, sdp: string }} description */
  async setLocalDescription({ type, sdp }) {
    this.calls.push(`local ${type} ${/stereo=1/.test(sdp) ? "stereo" : "mono"}`);
  }
  /** @param {{ type: string, sdp: string }} description */
  async setRemoteDescription({ type, sdp }) {
    this.calls.push(`remote ${type} ${sdp}`);
  }
  /** @param {{ iceServers: { urls: string }[] }} configuration */
  setConfiguration({ iceServers }) {
    this.calls.push(`servers ${iceServers.map(({ urls }) => urls)}`);
  }
  async getStats() {
    return new Map(this.stats.map((stat, index) => [index, stat]));
  }
  /** @param {string} state */
  become(state) {
    this.connectionState = state;
    this.onconnectionstatechange();
  }
  close() {
    this.calls.push("close");
  }
  /** So many pictures were decoded. @param {number} count */
  decoded(count) {
    this.stats = [{ type: "inbound-rtp", kind: "video", packetsReceived: count, framesDecoded: count, jitterBufferDelay: count / 10, jitterBufferEmittedCount: count }];
  }
}

export class FakeStream {
  /** @type {unknown[]} */
  tracks = [];
  /** @param {unknown} track */
  addTrack(track) {
    this.tracks.push(track);
  }
}
