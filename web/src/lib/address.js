// Where a playlist is, and how who may watch a private channel is known there.
import { withToken } from "./watch-links.js";

/**
 * What opens a private channel. The session's cookie goes by itself, but not to another port.
 * @typedef {object} Guard
 * @property {string} token of a watch link; "" without one
 * @property {() => Promise<string>} another one for who has no link and may watch all the same; "" when there is none
 */

/** @param {Guard} guard */
export async function tokenOf({ token, another }) {
  return token || (await another().catch(() => ""));
}

/**
 * At first the token goes as a header. Where that does not arrive (a browser takes it off on the
 * way to another port), it goes in the address.
 */
export class Address {
  #url;
  #guard;
  #direct = true;

  /** @param {string} url @param {Guard | null} guard null: the channel is public */
  constructor(url, guard) {
    this.#url = url;
    this.#guard = guard;
  }

  get url() {
    return this.#url;
  }

  /** For every request. @param {XMLHttpRequest} request @param {string} url */
  prepare(request, url) {
    if (!this.#direct || !this.#guard?.token) return;
    if (request.readyState === 0) request.open("GET", url, true); // no header before that
    request.setRequestHeader("Authorization", `Bearer ${this.#guard.token}`);
  }

  /** Another address to try when the playlist did not come: once. @returns {Promise<boolean>} whether there is one */
  async change() {
    if (!this.#direct || this.#guard === null) return false;
    this.#direct = false;
    const token = await tokenOf(this.#guard);
    this.#url = withToken(this.#url, token);
    return token !== "";
  }

  /** For another device: it has no cookie of the session. "" when there is none without a token being made. */
  get portable() {
    if (this.#guard === null || !this.#direct) return this.#url;
    return this.#guard.token === "" ? "" : withToken(this.#url, this.#guard.token);
  }

  /** For a player that sends no headers. @returns {Promise<string>} */
  async bare() {
    return this.#guard === null || !this.#direct ? this.#url : withToken(this.#url, await tokenOf(this.#guard));
  }
}
