import assert from "node:assert/strict";
import { test } from "node:test";
import { LOWEST_BITRATE } from "./presets.js";
import { Upload } from "./upload.js";

const AUDIO = 128_000;

/**
 * A way that carries so many bits a second, which may change; a second at a time.
 * @param {Upload} upload @param {(second: number) => number} carries @param {number} seconds
 */
function drive(upload, carries, seconds) {
  let waiting = 0; // seconds of recording
  /** @type {{ at: number, bitrate: number }[]} */
  const changes = [];
  let most = 0;
  for (let second = 0; second < seconds; second++) {
    const now = second * 1000;
    const rate = upload.bitrate + AUDIO;
    const sent = Math.min(carries(second), (waiting + 1) * rate);
    waiting = Math.max(0, waiting + 1 - sent / rate);
    most = Math.max(most, waiting);
    upload.acked(now, sent / 8);
    upload.note(now, waiting);
    const next = upload.next(now);
    if (next !== null) changes.push({ at: second, bitrate: next });
  }
  return { changes, most, waiting };
}

test("a way that is wide enough is left alone", () => {
  const upload = new Upload(2_500_000);
  assert.deepEqual(drive(upload, () => 4e6, 3600).changes, []);
  assert.equal(upload.lowered, false);
});

test("a way that becomes narrow and wide again: down, and back up to what was wanted", () => {
  const upload = new Upload(2_500_000);
  const { changes, waiting } = drive(upload, (second) => (second > 60 && second < 300 ? 1e6 : 5e6), 900);
  const rates = changes.map(({ bitrate }) => bitrate);
  assert.ok(Math.min(...rates) <= 1e6 - AUDIO, "it fits");
  assert.equal(rates.at(-1), 2_500_000);
  assert.equal(upload.lowered, false);
  assert.ok(waiting < 1);
  assert.ok(changes.filter(({ at }) => at > 300).every(({ bitrate }, index, all) => index === 0 || bitrate >= (all[index - 1]?.bitrate ?? 0)), "no way down after that");
});

test("what is known to be much too much is lowered by more than a step", () => {
  const upload = new Upload(6_000_000);
  const [first, second] = drive(upload, () => 1e6, 120).changes;
  assert.ok(first && second && second.bitrate < first.bitrate * 0.5);
});

test("for all widths: within bounds, it settles below the width, and tries in vain ever more seldom", () => {
  for (const wanted of [700_000, 2_500_000, 6_000_000]) {
    for (let width = 500_000; width < 8_000_000; width *= 1.23) {
      const upload = new Upload(wanted);
      const { changes, most } = drive(upload, () => width, 7200);
      const what = `${wanted} over ${Math.round(width)}: ${JSON.stringify(changes)}`;
      for (const { bitrate } of changes) assert.ok(bitrate >= LOWEST_BITRATE && bitrate <= wanted, what);
      const late = changes.filter(({ at }) => at > 3600);
      assert.ok(late.length <= 20, what);
      const climbs = late.filter(({ bitrate }, index) => bitrate > (late[index - 1]?.bitrate ?? wanted));
      const vain = Math.max(...climbs.map(({ bitrate }) => bitrate));
      const times = climbs.filter(({ bitrate }) => bitrate === vain).map(({ at }) => at);
      assert.ok(times.slice(1).every((at, index) => at - (times[index] ?? 0) > 900), what);
      assert.ok(most < 200, what);
    }
  }
});

test("patience: 30 s of calm, twice as long after a climb that failed, and 30 s again after one that held", () => {
  const upload = new Upload(1_000_000);
  let now = 0;
  const pass = (/** @type {number} */ seconds, /** @type {number | ((s: number) => number)} */ behind) => {
    /** @type {[number, number][]} */
    const made = [];
    for (let second = 1; second <= seconds; second++) {
      now += 1000;
      upload.note(now, typeof behind === "number" ? behind : behind(second));
      const next = upload.next(now);
      if (next !== null) made.push([second, next]);
    }
    return made;
  };
  const trouble = (/** @type {number} */ second) => 11 + second / 10;
  assert.deepEqual(pass(10, trouble).map(([, rate]) => rate), [600_000]);
  assert.deepEqual(pass(60, 1), [[31, 1_000_000]]);
  assert.deepEqual(pass(10, trouble).map(([, rate]) => rate), [600_000]);
  assert.deepEqual(pass(90, 1), [[61, 1_000_000]]);
  assert.deepEqual(pass(400, 1), []);
  assert.deepEqual(pass(10, trouble).map(([, rate]) => rate), [600_000]);
  assert.deepEqual(pass(60, 1), [[31, 1_000_000]]);
});

test("no climb while something waits, nor over what was measured just now", () => {
  const upload = new Upload(1_000_000);
  for (let now = 0; now <= 20_000; now += 1000) {
    upload.acked(now, 100_000);
    upload.note(now, 11 + now / 1e4);
    upload.next(now);
  }
  assert.equal(upload.measured, 800_000);
  const { bitrate } = upload;
  assert.ok(bitrate < 800_000);
  /** @type {number[]} */
  const climbs = [];
  for (let now = 21_000; now < 300_000; now += 1000) {
    upload.note(now, now < 60_000 ? 4 : 1);
    if (upload.next(now) !== null) climbs.push(now);
  }
  assert.ok((climbs[0] ?? 0) >= 140_000);
});

test("another connection: what was lowered stays, what was measured is forgotten", () => {
  const upload = new Upload(1_000_000);
  for (let now = 0; now <= 20_000; now += 1000) {
    upload.acked(now, 90_000);
    upload.note(now, 12 + now / 1e4);
    upload.next(now);
  }
  upload.reset();
  assert.deepEqual([upload.slow, upload.lowered, upload.measured], [false, true, null]);
});
