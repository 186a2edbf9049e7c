// Finding channels by what is said of them.

/** @typedef {import("./types.js").Channel} Channel */

/** Every word has to be somewhere, whatever its case and accents. @param {Channel} channel @param {string} query */
export function matches({ channel, title, description, next_title, broadcast }, query) {
  const text = plain([channel, title, description, next_title, broadcast?.title].join(" "));
  return plain(query).split(/\s+/).every((word) => text.includes(word));
}

/** @param {string} text */
function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}

/** What is told to those who do not see the list. @param {number} live @param {number} others @param {string} query */
export function summary(live, others, query) {
  if (query.trim() !== "") return live + others === 0 ? `No channel found for “${query.trim()}”.` : `${channels(live + others)} found, ${live} live.`;
  return live === 0 ? `Nobody is live. ${channels(others)}.` : `${live} live, ${others} more ${others === 1 ? "channel" : "channels"}.`;
}

/** @param {number} count */
function channels(count) {
  return `${count} ${count === 1 ? "channel" : "channels"}`;
}
