import assert from "node:assert/strict";
import { test } from "node:test";
import { iceServers, inStereo, retryAfter } from "./signalling.js";

test("Opus is asked for in stereo, once, and nothing else is touched", () => {
  const sdp = ["m=audio 9 UDP/TLS/RTP/SAVPF 111 0", "a=rtpmap:0 PCMU/8000", "a=rtpmap:111 opus/48000/2", "a=fmtp:0 x=1", "a=fmtp:111 minptime=10;useinbandfec=1", ""].join("\r\n");
  const changed = inStereo(sdp);
  assert.equal(changed, sdp.replace("useinbandfec=1", "useinbandfec=1;stereo=1"));
  assert.equal(inStereo(changed), changed);
  assert.equal(inStereo("m=video 9 x\r\na=fmtp:96 a=1\r\n"), "m=video 9 x\r\na=fmtp:96 a=1\r\n");
});

test("servers for ICE, of headers that were joined", () => {
  const links = '<stun:a.example:3478>; rel="ice-server", <turn:b.example?transport=udp>;rel="ice-server"; username="a, \\"b\\"" ;credential=pass; credential-type="password", </style.css>; rel="preload", <https://c.example>; rel="ice-server"';
  assert.deepEqual(iceServers(links), [{ urls: "stun:a.example:3478" }, { urls: "turn:b.example?transport=udp", username: 'a, "b"', credential: "pass" }]);
  assert.deepEqual([null, "", "nonsense"].map(iceServers), [[], [], []]);
});

test("for how long a server wants to be left alone", () => {
  assert.deepEqual([null, "20", "Wed, 21 Oct 2026 07:28:00 GMT", "-1"].map(retryAfter), [0, 20_000, 0, 0]);
});
