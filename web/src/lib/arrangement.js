// Which channels stand where on the first page. Nothing that somebody looks at moves when news comes:
// who goes live is added at the end, who stops stays in place. In order again is all of it when
// nobody looks.
import { isOver } from "./words.js";

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {import("./types.js").Channel} Channel */
/** Names of channels. @typedef {{ live: string[], others: string[] }} Order */

/**
 * Channels with the newest that is known of their broadcasts.
 * @param {Channel[]} channels
 * @param {Broadcast[]} news newest first
 */
export function withNews(channels, news) {
  /** @type {Map<string, Broadcast>} */
  const newest = new Map();
  for (const one of news) if (!newest.has(one.channel)) newest.set(one.channel, one);
  return channels.map((channel) => ({ ...channel, broadcast: newer(newest.get(channel.channel) ?? null, channel.broadcast) }));
}

/** Ids begin with the time. Of one and the same, what the news says is later. @param {Broadcast | null} told @param {Broadcast | null} asked */
function newer(told, asked) {
  if (told === null || asked === null) return told ?? asked;
  return asked.id > told.id ? asked : told;
}

/** @param {Channel} channel */
export function isOn({ broadcast }) {
  return broadcast !== null && !isOver(broadcast);
}

/** Until when a channel was live; "" where nobody knows. @param {Channel} channel */
export function lastLive({ broadcast, last_live_at }) {
  return broadcast?.ended_at ?? last_live_at ?? "";
}

/** From scratch: who went live last comes first. @param {Channel[]} channels @returns {Order} */
export function arranged(channels) {
  const live = channels.filter(isOn).sort((a, b) => (b.broadcast?.started_at ?? "").localeCompare(a.broadcast?.started_at ?? ""));
  const others = channels.filter((channel) => !isOn(channel)).sort(byLastLive);
  return { live: names(live), others: names(others) };
}

/** @param {Channel} a @param {Channel} b */
function byLastLive(a, b) {
  return lastLive(b).localeCompare(lastLive(a)) || a.channel.localeCompare(b.channel);
}

/** With everything where it was. @param {Order} order @param {Channel[]} channels @returns {Order} */
export function followed(order, channels) {
  const known = new Set(names(channels));
  const live = kept(order.live, known, names(channels.filter(isOn)));
  if (!channels.some(isOn)) return { live: [], others: kept(order.others, known, names(channels)) };
  const off = channels.filter((channel) => !isOn(channel) && !live.includes(channel.channel));
  return { live, others: kept(order.others, known, names(off)) };
}

/** @param {string[]} before @param {Set<string>} known @param {string[]} wanted */
function kept(before, known, wanted) {
  return [...new Set([...before.filter((name) => known.has(name)), ...wanted])];
}

/** @param {Channel[]} channels */
function names(channels) {
  return channels.map(({ channel }) => channel);
}
