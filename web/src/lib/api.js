// The server's JSON API.

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {import("./types.js").Channel} Channel */

export class ApiError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** @returns {Promise<Broadcast[]>} open ones and those that ended lately */
export async function fetchBroadcasts() {
  const answer = await getJson("/api/v1/broadcasts?ended=true");
  return answer.broadcasts;
}

/** @param {string} channel @returns {Promise<Channel>} */
export function fetchChannel(channel) {
  return getJson(`/api/v1/channels/${encodeURIComponent(channel)}`);
}

/** @param {string} path */
async function getJson(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  throw new ApiError(
    body?.error?.code ?? `http_${response.status}`,
    body?.error?.message ?? "The server gave no answer that makes sense.",
  );
}
