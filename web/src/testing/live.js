// A publisher among fakes: before, and when it is live.
import { Publisher } from "../lib/publisher.js";
import { FakeRecorder, fakePublishing, FakeSocket, FakeSource } from "./publishing.js";

export function begin() {
  const { clock, store, environment } = fakePublishing();
  /** @type {string[]} */
  const states = [];
  const publisher = new Publisher(({ state }) => state !== states.at(-1) && states.push(state), environment);
  const source = new FakeSource();
  const order = { openSource: async () => source, url: "ws://here/ws?streamKey=k", channel: "demo", bearer: () => "k", protocols: () => ["bearer.t"], renew: /** @type {(() => Promise<void>) | null} */ (null), advice: "Open a new link.", bitrate: 1_000_000, title: "T", takeover: false };
  return { clock, store, publisher, source, order, states };
}

/** Live, with four bytes recorded in the first second. */
export async function goLive() {
  const all = begin();
  await all.publisher.start(all.order);
  FakeSocket.last.ready();
  all.clock.advance(1000);
  FakeRecorder.last.give("abcd");
  return all;
}

/** Time goes by, with a piece each second, and the server saying that it is there. @param {ReturnType<typeof begin>} all @param {string} pieces */
export function record({ clock }, pieces) {
  for (const piece of pieces) {
    clock.advance(1000);
    FakeRecorder.last.give(piece);
    if (FakeSocket.last.closedWith === null) FakeSocket.last.status();
  }
}
