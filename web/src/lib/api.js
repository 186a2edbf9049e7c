// The server's JSON API.

/** @typedef {import("./types.js").Broadcast} Broadcast */
/** @typedef {import("./types.js").Channel} Channel */
/** @typedef {"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} Method */

export class ApiError extends Error {
  /** @param {string} code @param {string} message @param {number} [status] of HTTP; 0: there was no answer */
  constructor(code, message, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** @param {string} [token] of a watch link @returns {Promise<Broadcast[]>} open ones and those that ended lately */
export async function fetchBroadcasts(token) {
  const answer = await call("GET", "/broadcasts?ended=true", undefined, token);
  return answer.broadcasts;
}

/** @param {string} channel @param {string} [token] of a watch link @returns {Promise<Channel>} */
export function fetchChannel(channel, token) {
  return call("GET", channelPath(channel), undefined, token);
}

/** @returns {Promise<Channel[]>} those on which the person may do something */
export async function fetchMyChannels() {
  /** @type {{ channels: Channel[] }} */
  const { channels } = await call("GET", "/channels");
  return channels.filter(({ may }) => may?.publish || may?.manage);
}

/** @param {string} channel @param {string[]} parts below it, as they are written */
export function channelPath(channel, ...parts) {
  return ["/channels", channel, ...parts].map((part, place) => (place === 0 ? part : encodeURIComponent(part))).join("/");
}

/**
 * One request. Whoever is signed in is known by a cookie, which goes by itself.
 * @param {Method} method
 * @param {string} path below `/api/v1`
 * @param {object} [body]
 * @param {string} [token]
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function call(method, path, body, token = "") {
  const response = await fetch(`/api/v1${path}`, request(method, body, token)).catch(unreachable);
  const answer = response.status === 204 ? {} : await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  throw failure(response, answer);
}

/** @param {Method} method @param {object | undefined} body @param {string} token @returns {RequestInit} */
function request(method, body, token) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  // A form on somebody else's page cannot send a header of its own: so the server knows ours.
  if (method !== "GET") headers["X-Ingestd"] = "1";
  if (token !== "") headers.Authorization = `Bearer ${token}`;
  if (body === undefined) return { method, headers };
  if (body instanceof Blob) return { method, headers: { ...headers, "Content-Type": body.type }, body };
  return { method, headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

/** @returns {never} */
function unreachable() {
  throw new ApiError("unreachable", "The server does not answer. Check your connection, then try again.");
}

/** @param {Response} response @param {any} answer what it says, if anything */
function failure({ status }, answer) {
  const { code, message } = answer?.error ?? {};
  return new ApiError(code ?? `http_${status}`, message ?? "The server gave no answer that makes sense.", status);
}
