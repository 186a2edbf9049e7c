// By which way it goes: kept here until it is safe, or by WebRTC as it comes.
import { byId, setText } from "../lib/dom.js";
import { preferences } from "../lib/store.js";

/** @typedef {import("../lib/publisher.js").Builder} Builder */

const SENT = "sent";

export class WayField {
  #field = byId("ways", HTMLFieldSetElement);
  /** @type {typeof import("../lib/whip-road.js") | null} */
  #module = null;
  /** Where one publishes by WebRTC on this server; undefined: it has not said; null: nowhere; "": no channel is named. @type {string | null | undefined} */
  #offered = undefined;

  constructor() {
    this.#field.addEventListener("change", () => (preferences.set("way", this.#sent.checked ? SENT : ""), this.#expect()));
    this.#render();
  }

  /** @param {string | null | undefined} path see above */
  set offered(path) {
    this.#offered = path;
    this.#render();
  }

  /** While live it stays as it is. @param {boolean} fixed */
  set fixed(fixed) {
    this.#field.disabled = fixed;
  }

  /** What that takes, if it is chosen. */
  async load() {
    if (this.#sent.checked) this.#module = await import("../lib/whip-road.js");
  }

  /** @param {() => import("../lib/types.js").Broadcast[]} broadcasts of the channel @returns {Builder | null} null: recorded and kept */
  road(broadcasts) {
    return this.#sent.checked && this.#module !== null ? this.#module.whipRoad(broadcasts) : null;
  }

  get #sent() {
    return byId("way-direct", HTMLInputElement);
  }

  /** Ahead of time, so that going live need not wait. */
  #expect() {
    this.load().catch(() => {}); // going live says what is wrong
  }

  /** What was chosen is remembered, also where it cannot be had now. */
  #render() {
    const why = this.#why;
    this.#sent.disabled = why !== "";
    this.#sent.checked = why === "" && preferences.get("way") === SENT;
    byId("way-safe", HTMLInputElement).checked = !this.#sent.checked;
    setText(byId("way-why", HTMLElement), why);
    this.#expect();
  }

  get #why() {
    if (typeof RTCPeerConnection === "undefined") return "This browser has no WebRTC.";
    if (this.#offered === "") return "WebRTC needs a broadcast link that names its channel.";
    return this.#offered === null ? "This server takes no WebRTC." : "";
  }
}
