import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../testing/clock.js";
import { FakeStore } from "../testing/publishing.js";
import { Backlog } from "./backlog.js";
import { Vault } from "./vault.js";

const MEGABYTE = 1_000_000;

/** @param {FakeStore | null} [store] */
function begin(store = new FakeStore()) {
  const backlog = new Backlog();
  const epoch = backlog.begin("video/webm", 0);
  const told = { times: 0 };
  const vault = new Vault(Promise.resolve(store), () => (told.times += 1));
  let at = 0;
  const add = async (/** @type {number} */ count) => {
    for (let i = 0; i < count; i++) {
      backlog.add(epoch, new Blob([new Uint8Array(MEGABYTE).fill(at)]), ++at);
      vault.settle(backlog);
      await settle();
    }
  };
  return { backlog, vault, add, told, store: store ?? new FakeStore() };
}

/** @param {Backlog} backlog @param {number} offset */
function chunkAt(backlog, offset) {
  const piece = backlog.at({ epoch: 0, offset });
  assert.equal(piece?.kind, "bytes");
  return piece.chunk;
}

test("in normal running the database is not touched", async () => {
  const { backlog, add, store } = begin();
  await add(8);
  assert.deepEqual([backlog.memory, store.held.size], [8 * MEGABYTE, 0]);
});

test("what is more goes to the database, the oldest first, and memory stays small", async () => {
  const { backlog, add, store, vault } = begin();
  await add(40);
  assert.ok(backlog.memory <= 8 * MEGABYTE, String(backlog.memory));
  assert.equal(backlog.memory + store.bytes, backlog.bytes);
  assert.equal(chunkAt(backlog, 0).blob, null);
  assert.notEqual(chunkAt(backlog, 39 * MEGABYTE).blob, null);
  const back = new Uint8Array(await (await vault.read(chunkAt(backlog, 3 * MEGABYTE))).arrayBuffer());
  assert.deepEqual([back.length, back[0]], [MEGABYTE, 3]);
});

test("what is acknowledged is deleted, also while it is being written", async () => {
  const { backlog, add, store, vault } = begin();
  await add(20);
  vault.forget(backlog.ack(0, 6 * MEGABYTE));
  assert.equal(store.bytes, backlog.bytes - backlog.memory);
  const put = store.put.bind(store);
  store.put = async (entries) => {
    vault.forget(backlog.ack(0, 20 * MEGABYTE));
    await put(entries);
  };
  await add(1);
  await settle();
  assert.equal(store.held.size, backlog.bytes === 0 ? 0 : store.held.size);
  assert.equal(store.bytes, backlog.bytes - backlog.memory);
});

test("a quota that is reached leaves the rest in memory, and what lies there readable", async () => {
  const store = new FakeStore();
  store.quota = 10 * MEGABYTE;
  const { backlog, add, vault, told } = begin(store);
  await add(40);
  assert.ok(store.bytes > 0);
  assert.ok(told.times > 0);
  assert.equal(backlog.memory, backlog.bytes - store.bytes);
  assert.equal((await vault.read(chunkAt(backlog, 0))).size, MEGABYTE);
  await add(40);
  assert.equal(backlog.full, true);
});

test("a store that has room again is used again", async () => {
  const store = new FakeStore();
  store.quota = 10 * MEGABYTE;
  const { backlog, add, told } = begin(store);
  await add(30);
  const { times } = told;
  store.quota = 100 * MEGABYTE;
  await add(15);
  assert.ok(backlog.memory <= 8 * MEGABYTE, String(backlog.memory));
  assert.deepEqual([backlog.full, told.times > 0, told.times - times < 2], [false, true, true]);
});

test("without a database memory goes on, up to its bound", async () => {
  const { backlog, add, vault, told } = begin(null);
  await add(8);
  assert.equal(told.times, 0);
  await add(55);
  assert.ok(told.times > 0);
  assert.deepEqual([backlog.memory, backlog.full], [63 * MEGABYTE, false]);
  await add(1);
  assert.equal(backlog.full, true);
  assert.equal((await vault.read(chunkAt(backlog, 0))).size, MEGABYTE);
});
