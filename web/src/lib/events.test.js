import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcast } from "../testing/broadcast.js";
import { FakeClock } from "../testing/clock.js";
import { EventFeed, merge } from "./events.js";

class FakeEventSource extends EventTarget {
  /** @type {FakeEventSource[]} */
  static all = [];
  readyState = 1;
  closed = false;

  /** @param {string} url */
  constructor(url) {
    super();
    this.url = url;
    FakeEventSource.all.push(this);
  }

  close() {
    this.closed = true;
  }

  /** @param {string} name @param {unknown} data */
  tell(name, data) {
    this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data) }));
  }

  /** @param {number} readyState */
  break(readyState) {
    this.readyState = readyState;
    this.dispatchEvent(new Event("error"));
  }
}

function begin() {
  FakeEventSource.all = [];
  const clock = new FakeClock();
  /** @type {boolean[]} */
  const news = [];
  const environment = { EventSource: /** @type {any} */ (FakeEventSource), setTimeout: clock.setTimeout };
  const feed = new EventFeed({ channel: "a b", onchange: (_, fresh) => void news.push(fresh) }, environment);
  return { clock, feed, news, source: () => /** @type {FakeEventSource} */ (FakeEventSource.all.at(-1)) };
}

test("a watch link's token goes with the question", () => {
  FakeEventSource.all = [];
  const environment = { EventSource: /** @type {any} */ (FakeEventSource), setTimeout: () => {} };
  new EventFeed({ channel: "staff", token: "a.b.c", onchange: () => {} }, environment);
  assert.equal(FakeEventSource.all[0]?.url, "/api/v1/events?channel=staff&token=a.b.c");
});

test("asks for one channel and keeps what it is told, newest first", () => {
  const { feed, source, news } = begin();
  assert.equal(source().url, "/api/v1/events?channel=a%20b");
  assert.equal(feed.state, "connecting");
  source().tell("snapshot", { broadcasts: [broadcast()] });
  source().tell("broadcast", broadcast({ id: "b2", started_at: "2026-11-21T03:00:00Z" }));
  source().tell("broadcast", broadcast({ title: "Another title" }));
  assert.deepEqual(feed.broadcasts.map(({ id, title }) => [id, title]), [["b2", "A title"], ["b1", "Another title"]]);
  assert.deepEqual(news, [true, false, false]);
});

test("says that it is lost while the browser reconnects", () => {
  const { feed, source } = begin();
  source().tell("snapshot", { broadcasts: [] });
  source().break(0);
  assert.equal(feed.state, "lost");
  assert.equal(FakeEventSource.all.length, 1);
  source().tell("snapshot", { broadcasts: [] });
  assert.equal(feed.state, "open");
});

test("opens anew, after a wait, where the browser has given up", () => {
  const { source, clock } = begin();
  source().break(2);
  source().break(2);
  clock.advance(2000); // the wait has jitter
  assert.equal(FakeEventSource.all.length, 2);
});

test("a closed feed stays closed", () => {
  const { feed, source, clock } = begin();
  source().break(2);
  feed.close();
  clock.advance(60_000);
  assert.equal(FakeEventSource.all.length, 1);
  assert.equal(source().closed, true);
});

test("a snapshot forgets what is not open any more, and keeps what was seen ending", () => {
  const known = new Map([["open", broadcast({ id: "open" })], ["over", broadcast({ id: "over", state: "ended" })]]);
  assert.deepEqual([...merge(known, [broadcast({ id: "new" })]).keys()], ["over", "new"]);
});
