import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcast } from "../testing/broadcast.js";
import { settle } from "../testing/clock.js";
import { beginWhip, fakeSource } from "../testing/whip.js";

test("offers what it has, with the key as bearer, and is live when it is connected", async () => {
  const { publisher, states, source, peer, asked, goLive } = beginWhip();
  await goLive();
  const [{ url, method, headers, body }] = asked;
  assert.deepEqual([method, url, headers], ["POST", "/whip/demo?title=A+title", { Authorization: "Bearer k", "Content-Type": "application/sdp" }]);
  assert.match(body, /stereo=1/);
  assert.deepEqual(peer().calls, ['video sendonly [{"maxBitrate":2500000,"maxFramerate":30}]', 'audio sendonly [{"maxBitrate":128000}]', "local offer stereo", "remote answer answer"]);
  assert.deepEqual(peer().codecs, [{ mimeType: "video/VP8" }]);
  assert.equal(peer().senders[0]?.parameters.degradationPreference, "maintain-resolution");
  assert.deepEqual(states, ["preparing", "connecting", "live"]);
  assert.deepEqual(source.calls, ["release"]);
  assert.equal(publisher.switchable, true);
});

test("says how it goes: what was sent, what the server tells, and which broadcast it is", async () => {
  const { publisher, news, pass, goLive } = beginWhip();
  news.push(broadcast({ id: "old", state: "ending" }));
  await goLive();
  await pass(2);
  assert.deepEqual(publisher.status, null);
  news.unshift(broadcast({ id: "b2", viewers: 4, commit_lag: 1.2 }));
  await pass(2);
  assert.deepEqual([/** @type {any} */ (publisher.status)?.viewers, publisher.statistics.broadcasts, publisher.statistics.sentBytes], [4, ["b2"], 40_000]);
  const { network, recordedSeconds, unsafeSeconds } = publisher.statistics;
  assert.deepEqual([network?.bitrate, network?.roundTrip, network?.lag, recordedSeconds, unsafeSeconds], [80_000, 0.02, 1.21, 4, 0]);
});

test("stop ends the session, and is over when the playlist has all of it", async () => {
  const { publisher, source, peer, asked, news, clock, pass, goLive } = beginWhip();
  await goLive();
  news.push(broadcast());
  await pass(2);
  publisher.stop();
  assert.deepEqual([asked.at(-1).method, asked.at(-1).url, asked.at(-1).headers], ["DELETE", "http://here/whip/demo/s1", { Authorization: "Bearer k" }]);
  assert.deepEqual([source.calls.at(-1), peer().calls.at(-1), publisher.state], ["close", "close", "stopping"]);
  clock.advance(2000);
  assert.equal(publisher.state, "stopping");
  news[0] = broadcast({ state: "ended" });
  clock.advance(500);
  assert.deepEqual([publisher.state, publisher.message, clock.pending], ["ended", "Ended: all that arrived is in the playlist.", 0]);
});

test("a page that is left says so, once", async () => {
  const { publisher, asked, goLive } = beginWhip();
  await goLive();
  publisher.leave();
  publisher.leave();
  assert.deepEqual(asked.map(({ method, keepalive = false }) => [method, keepalive]), [["POST", false], ["DELETE", true]]);
});

test("a server that is silent for five looks is lost, and another session follows in the same broadcast", async () => {
  const { publisher, news, peers, asked, clock, pass, connect, goLive } = beginWhip({ takeover: true });
  await goLive();
  news.push(broadcast());
  await pass(3);
  for (let second = 0; second < 6; second++) (clock.advance(1000), await settle());
  assert.equal(peers[0]?.calls.at(-1), "close");
  clock.advance(2000);
  await settle();
  assert.deepEqual([publisher.state, publisher.message, peers.length], ["reconnecting", "Connection lost.", 2]);
  await connect();
  await pass(2);
  assert.deepEqual([publisher.state, publisher.statistics.broadcasts, publisher.notice], ["live", ["b1"], ""]);
  assert.deepEqual(asked.map(({ method, url }) => [method, /takeover/.test(url)]), [["POST", true], ["POST", false]], "and nobody is thrown out by it");
});

test("a new broadcast has begun where the server has waited in vain, and that is said", async () => {
  const { publisher, news, peer, clock, pass, connect, goLive } = beginWhip();
  await goLive();
  news.push(broadcast({ state: "interrupted" }));
  await pass(1);
  peer().become("failed");
  clock.advance(1500);
  await settle();
  news.splice(0, 1, broadcast({ id: "b2" }), broadcast({ state: "ended" }));
  clock.advance(100);
  await connect();
  await pass(1);
  assert.deepEqual([publisher.state, publisher.statistics.broadcasts], ["live", ["b1", "b2"]]);
  assert.match(publisher.notice, /A new one has begun\.$/);
});

test("who was sent away because the broadcast has ended does not begin another", async () => {
  const { publisher, news, peer, clock, pass, goLive } = beginWhip();
  await goLive();
  news.push(broadcast());
  await pass(1);
  peer().become("closed");
  news[0] = broadcast({ state: "failed" });
  clock.advance(1500);
  assert.deepEqual([publisher.state, publisher.message], ["ended", "The server ended the broadcast."]);
});

/** @type {[number, string, string, number, string, RegExp][]} */
const REFUSALS = [
  [401, "not_authenticated", "", 0, "failed", /^The stream key or the token is wrong\./],
  [403, "not_allowed", "", 0, "failed", /^This token does not allow you/],
  [404, "no_such_channel", "", 0, "failed", /does not know this channel/],
  [409, "already_live", "", 0, "failed", /^This channel is already live from somewhere else\.$/],
  [503, "unavailable", "WebRTC is switched off (webrtc.enabled).", 0, "failed", /^WebRTC is switched off/],
  [503, "unavailable", "The WebRTC server is being started again.", 5, "connecting", /^The WebRTC server is being started again\.$/],
  [503, "no_capacity", "No WebRTC port is free now.", 5, "connecting", /^The server is full at the moment\. .*No WebRTC port is free now.* 5 s\.$/],
];
for (const [status, code, message, wait, state, words] of REFUSALS) {
  test(`answered with ${status} (${message || code}), it says why`, async () => {
    const { publisher, order, server, peer, clock, asked } = beginWhip();
    Object.assign(server, { status, error: { code, message }, headers: wait > 0 ? { "Retry-After": String(wait) } : {} });
    await publisher.start(order);
    await settle();
    assert.deepEqual([publisher.state, peer().calls.at(-1)], [state, "close"]);
    assert.match(publisher.message, words);
    clock.advance(4000);
    await settle();
    assert.equal(asked.length, 1, "nobody is asked before the time");
    clock.advance(3000);
    await settle();
    assert.equal(asked.length, state === "connecting" ? 2 : 1);
  });
}

test("a channel that still holds its own lost session is asked again for a while", async () => {
  const { publisher, peer, server, clock, pass, goLive, connect } = beginWhip();
  await goLive();
  await pass(1);
  peer().become("failed");
  Object.assign(server, { status: 409, error: { code: "already_live", message: "It is live." } });
  clock.advance(1600);
  await settle();
  assert.match(publisher.message, /still holds an earlier connection/);
  server.status = 201;
  clock.advance(1000);
  await settle();
  await connect();
  assert.equal(publisher.state, "live");
});

test("a key that was revoked meanwhile waits for another one", async () => {
  const { publisher, order, peer, server, asked, clock, pass, goLive } = beginWhip();
  await goLive();
  await pass(1);
  peer().become("closed");
  Object.assign(server, { status: 403, error: { code: "not_allowed", message: "" } });
  clock.advance(1600);
  await settle();
  assert.match(publisher.message, /not valid any more\. Open a new link\.$/);
  server.status = 201;
  publisher.readmit({ ...order, bearer: () => "new" });
  await settle();
  assert.equal(asked.at(-1).headers.Authorization, "Bearer new");
});

test("what does not get through, and who does not answer", async () => {
  const blocked = beginWhip();
  await blocked.publisher.start(blocked.order);
  await settle();
  blocked.clock.advance(15_000);
  assert.match(blocked.publisher.message, /^WebRTC does not get through to the server/);
  assert.equal(blocked.asked.at(-1).method, "DELETE");
  const gone = beginWhip();
  gone.server.gone = true;
  await gone.publisher.start(gone.order);
  await settle();
  assert.deepEqual([gone.publisher.state, gone.publisher.message], ["connecting", "Connection lost."]);
  gone.publisher.stop();
  assert.deepEqual([gone.publisher.state, gone.clock.pending], ["ended", 0]);
});

test("an answer that comes when nobody wants it any more ends its session", async () => {
  const { publisher, order, asked } = beginWhip();
  await publisher.start(order);
  publisher.stop();
  await settle();
  assert.deepEqual(asked.map(({ method }) => method), ["POST", "DELETE"]);
});

test("another source takes the place of the first in the same connection", async () => {
  const { publisher, source, peer, pass, goLive, peers } = beginWhip();
  await goLive();
  await pass(1);
  const other = fakeSource("two");
  assert.equal(publisher.switchTo(other, 700_000), true);
  await settle();
  assert.deepEqual(peer().senders.map(({ track, parameters }) => [track.name, parameters.encodings[0].maxBitrate]), [["two", 700_000], ["two", 128_000]]);
  assert.deepEqual([source.calls.at(-1), other.calls, peers.length], ["close", ["release"], 1]);
  assert.throws(() => publisher.switchTo(fakeSource("sound", ["audio"]), 1), { code: "other_media" });
  assert.equal(peer().senders[0]?.track.name, "two");
});

test("what was chosen while the connection was away goes by the next one", async () => {
  const { publisher, source, peer, clock, pass, goLive } = beginWhip();
  await goLive();
  await pass(1);
  peer().become("failed");
  publisher.switchTo(fakeSource("two"), 2_500_000);
  await settle();
  assert.equal(source.calls.at(-1), "close");
  clock.advance(1600);
  await settle();
  assert.equal(peer().senders[0]?.track.name, "two");
});

test("stopped while the connection is away, it begins no other, and says who ends the broadcast", async () => {
  const { publisher, news, server, peer, peers, asked, clock, pass, goLive } = beginWhip();
  await goLive();
  news.push(broadcast());
  await pass(1);
  peer().become("failed");
  server.gone = true;
  clock.advance(1600);
  await settle();
  const before = peers.length;
  publisher.stop();
  for (let second = 0; second < 22; second++) (clock.advance(1000), await settle());
  assert.deepEqual([publisher.state, peers.length - before, asked.filter(({ method }) => method === "POST").length], ["ended", 0, before]);
  assert.equal(publisher.message, "Ended here. The server ends the broadcast once it has waited for you.");
});
