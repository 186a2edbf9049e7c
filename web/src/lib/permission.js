// What lets this page broadcast: a link with a stream key, or being signed in.
import { ApiError, call, channelPath } from "./api.js";
import * as credentials from "./credentials.js";
import { Pass } from "./pass.js";
import { PublishError } from "./publish-errors.js";

/** @typedef {import("./credentials.js").Credentials} Credentials */
/** @typedef {import("./admission.js").Papers} Papers */

const LIFETIME_SECONDS = 86_400; // renewed at half of it

export class Permission {
  #credentials;
  #pass;

  /** @param {Credentials} given @param {Pass | null} [pass] which stands for key and token */
  constructor(given, pass = null) {
    this.#credentials = given;
    this.#pass = pass;
  }

  /** Of who is signed in: no stream key is needed. @param {string} channel */
  static of(channel) {
    const mint = () => call("POST", channelPath(channel, "tokens"), { scope: "publish", lifetime: LIFETIME_SECONDS });
    return new Permission({ channel, streamKey: "", token: "" }, new Pass(mint));
  }

  get channel() {
    return this.#credentials.channel;
  }

  /** Whether a link gave it. */
  get linked() {
    return this.#pass === null;
  }

  /** Of a link: for the API. "" where the session's cookie goes by itself. */
  get token() {
    return this.linked ? this.#credentials.token : "";
  }

  get #token() {
    return this.#pass?.token ?? this.#credentials.token;
  }

  /** By which the API knows the same right. @returns {Record<string, string>} */
  get headers() {
    if (!this.linked) return {};
    return { Authorization: `Bearer ${this.#credentials.token}`, "X-Stream-Key": this.#credentials.streamKey };
  }

  /** What the publisher shows the server. @returns {Papers} */
  get papers() {
    return {
      url: credentials.socketAddress(location, this.#credentials),
      channel: this.channel,
      bearer: () => this.#credentials.streamKey || this.#token,
      // those of now: a token that is renewed is another one for the next connection
      protocols: () => credentials.subprotocols({ ...this.#credentials, token: this.#token }),
      renew: this.#pass && (() => this.#renew()),
      advice: this.linked ? "Open a new broadcast link in this tab, and it goes on." : "Sign in again in another tab, or ask whoever runs the channel, and it goes on.",
    };
  }

  /** Whether the other one is for the same channel, as far as both know theirs. @param {Permission} other */
  serves(other) {
    return this.channel === other.channel || this.channel === "" || other.channel === "";
  }

  async #renew() {
    this.#pass?.spoil();
    await this.#pass?.freshen();
  }

  /** @throws {PublishError} when there is no permission to be had */
  async freshen() {
    await this.#pass?.freshen().catch(refused);
  }
}

/** @param {unknown} error @returns {never} */
function refused(error) {
  if (error instanceof ApiError && error.status === 401) throw new PublishError("signed_out");
  throw new PublishError("no_permission", error instanceof Error ? error.message : "");
}
