import assert from "node:assert/strict";
import { test } from "node:test";
import { eventWords, generationRows, logLine, visitRow } from "./story.js";

const NOW = Date.parse("2026-11-21T12:01:00Z");
const VISIT = { since: "2026-11-21T12:00:00Z", until: null, way: "websocket", address: null, received_bytes: 1_500_000, epoch: 0, resumed_at: null, close_code: null, reason: "" };

test("what happened, known or not", () => {
  assert.equal(eventWords("publisher_back"), "The publisher is back");
  assert.equal(eventWords("some_new_event"), "some new event");
});

test("a connection that is there, one that is gone, and one that was ended", () => {
  assert.deepEqual(visitRow(VISIT, NOW), { way: "WebSocket", lasted: "1:00", received: "1.5 MB", began: "anew", ended: "still there" });
  const gone = visitRow({ ...VISIT, until: "2026-11-21T12:00:07Z", way: "rtmp", address: "192.0.2.7", resumed_at: 1234, epoch: 2 }, NOW);
  assert.deepEqual([gone.way, gone.lasted, gone.began, gone.ended], ["RTMP from 192.0.2.7", "0:07", "at byte 1,234 of recording 2", "without a word"]);
  assert.equal(visitRow({ ...VISIT, until: VISIT.since, close_code: 4409, reason: "Another took over." }, NOW).ended, "code 4409: Another took over.");
});

test("an encoder's report", () => {
  const report = { number: 0, epoch: 1, argv: [], renditions: ["720p", "480p"], started_at: 0, lifetime: 9, reason: "", sentence: "", exit: "", lines: [], frames: 1800, doubled: 1, dropped: 2, speed: 0.998, fps: 29.9 };
  assert.deepEqual(Object.fromEntries(generationRows(report)), { Renditions: "720p, 480p", "Frames made": "1,800", "Doubled, left out": "1, 2", Speed: "1.00×, 30 frames a second", Exit: "–" });
});

test("a line of the log, whatever it is", () => {
  const line = JSON.stringify({ event: "state", state: "live", number: 3, broadcast: "b", channel: "c", level: "info", timestamp: "2026-11-21T12:00:00Z" });
  assert.deepEqual(logLine(line), { at: "2026-11-21T12:00:00Z", level: "info", words: "state  state=live  number=3" });
  for (const odd of ["not JSON", "[1]", "null", "7"]) assert.equal(logLine(odd).words.length > 0, true, odd);
});
