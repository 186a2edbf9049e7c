// The checklist before going live: what the page sees itself, and what it asks the server.
import { channelPath } from "../lib/api.js";
import { checklist, summary } from "../lib/checklist.js";
import { byId, element, inside, setAttribute, setText, show } from "../lib/dom.js";
import { AUTO } from "../lib/presets.js";
import { measureUpload, noise } from "../lib/upload-test.js";

/** @typedef {import("../lib/checklist.js").Measured} Measured */
/** @typedef {import("../lib/checklist.js").Room} Room */
/** @typedef {import("../lib/permission.js").Permission} Permission */
/** @typedef {import("./broadcast-setup.js").Setup} Setup */

const LOOK_MS = 250;
/** A mixer tells of the last 43 ms: words are short. */
const LISTEN_MS = 40;
const ROOM_MS = 15_000;
/** Louder than a quiet room: 1 is full scale. */
const HEARD_PEAK = 0.02;
const SAID_AFTER_MS = 1500;

export class StudioChecklist {
  #setup;
  /** @type {Permission | null} */
  #permission = null;
  /** @type {Measured} */
  #upload = "unknown";
  /** @type {Room | "unknown" | null} */
  #room = null;
  #shown = false;
  #muted = () => false;
  #heard = false;
  #silentSince = 0;
  /** @type {unknown} */
  #source = null;
  #measuring = new AbortController();
  #askedAt = -Infinity;
  #saying = 0;
  #said = "";

  /** @param {Setup} setup @param {() => boolean} muted */
  constructor(setup, muted) {
    this.#setup = setup;
    this.#muted = muted;
    byId("measure", HTMLButtonElement).addEventListener("click", () => void this.#measure());
    setInterval(() => this.#listen(), LISTEN_MS);
    setInterval(() => this.#look(), LOOK_MS);
  }

  /** Who is allowed has changed. @param {Permission | null} permission */
  async use(permission) {
    this.#measuring.abort();
    this.#permission = permission;
    this.#setup.way.offered = permission?.channel ? undefined : "";
    [this.#upload, this.#room, this.#askedAt] = ["unknown", permission?.channel === "" ? "unknown" : null, -Infinity];
    this.#render();
    if (permission === null || permission.channel === "") return;
    await permission.freshen().catch(() => {}); // going live says what is wrong
    if (this.#shown && permission === this.#permission) await this.#measure();
  }

  /** Only before going live: afterwards nothing may be in the broadcast's way. @param {boolean} shown */
  show(shown) {
    if (shown === this.#shown) return;
    this.#shown = shown;
    show(byId("checklist", HTMLElement), shown);
    if (!shown) this.#measuring.abort();
    if (shown) this.#askedAt = -Infinity;
    if (!shown && this.#upload === "measuring") this.#upload = "unknown";
  }

  #listen() {
    const { source } = this.#setup;
    const now = performance.now();
    if (source !== this.#source) [this.#source, this.#heard, this.#silentSince] = [source, false, now];
    if (!this.#shown || source === null || this.#heard) return;
    if (source.mixer.asleep) this.#silentSince = now; // it is woken where it is made (broadcast-setup.js)
    if (source.mixer.peakOf(spoken(source)) > HEARD_PEAK) this.#heard = true;
  }

  /** Shows how things are, and asks the server now and then. */
  #look() {
    if (!this.#shown || document.visibilityState !== "visible") return;
    const now = performance.now();
    if (now - this.#askedAt > ROOM_MS) void this.#ask(now);
    this.#render();
  }

  /** @param {number} now */
  async #ask(now) {
    const permission = this.#permission;
    if (permission === null || permission.channel === "") return;
    this.#askedAt = now;
    const answer = await this.#fetch(permission, "readiness", {}).catch(() => null);
    const said = await answer?.json().catch(() => null);
    if (permission !== this.#permission) return;
    const refusal = said?.error?.message;
    if (answer?.ok) this.#setup.way.offered = said?.whip;
    this.#room = answer?.ok ? said : refusal ? { ready: false, live: false, reasons: [refusal] } : null;
    this.#render();
  }

  async #measure() {
    const permission = this.#permission;
    if (permission === null || this.#upload === "measuring" || !this.#shown) return;
    const control = new AbortController();
    this.#measuring = control;
    this.#upload = "measuring";
    this.#render();
    const sent = measureUpload((bytes) => this.#send(permission, bytes, control.signal), () => performance.now());
    const rate = await sent.catch(() => null); // a broadcast does not need it
    if (control !== this.#measuring) return; // another one goes on, for another channel
    this.#upload = rate ?? "unknown";
    if (rate !== null && !control.signal.aborted) this.#setup.upload = rate;
    this.#render();
  }

  /** @param {Permission} permission @param {number} bytes @param {AbortSignal} signal */
  async #send(permission, bytes, signal) {
    const body = noise(bytes, (block) => crypto.getRandomValues(block));
    const answer = await this.#fetch(permission, "upload-test", { method: "PUT", body, signal });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
  }

  /** @param {Permission} permission @param {string} what @param {RequestInit} request */
  #fetch(permission, what, request) {
    const headers = { Accept: "application/json", "X-Ingestd": "1", ...permission.headers };
    return fetch(`/api/v1${channelPath(permission.channel, what)}`, { ...request, headers });
  }

  #render() {
    const { kind, source, quality } = this.#setup;
    const checks = checklist({
      kind,
      open: source !== null,
      loaded: kind === "file" && this.#setup.files.player !== null,
      picture: source?.hasVideo ?? false,
      sound: source !== null && (source.mixer.has("voice") || source.mixer.has("sound")),
      voice: source?.mixer.has("voice"),
      muted: this.#muted() || (source?.mixer.muted(spoken(source)) ?? false),
      asleep: source?.mixer.asleep ?? false,
      heard: this.#heard,
      silentSeconds: (performance.now() - this.#silentSince) / 1000,
      upload: this.#upload,
      quality,
      fits: byId("quality", HTMLSelectElement).value === AUTO,
      room: this.#room,
    });
    for (const check of checks) fill(rowOf(check.id), check);
    byId("measure", HTMLButtonElement).disabled = this.#upload === "measuring" || this.#permission === null;
    this.#say(summary(checks));
  }

  /** @param {string} words */
  #say(words) {
    if (words === this.#said) return;
    this.#said = words;
    clearTimeout(this.#saying);
    this.#saying = window.setTimeout(() => setText(byId("checks-said", HTMLElement), words), SAID_AFTER_MS);
  }
}

/** What of its sound is listened to. @param {import("../lib/sources.js").OpenSource} source */
function spoken({ mixer }) {
  return mixer.has("voice") ? "voice" : "sound";
}

/** @param {string} id */
function rowOf(id) {
  return inside(byId("checks", HTMLElement), `[data-check="${id}"]`, HTMLElement);
}

/** @param {HTMLElement} row @param {import("../lib/checklist.js").Check} check */
function fill(row, { title, light, words }) {
  if (row.childElementCount === 0) {
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("class", "icon light");
    icon.setAttribute("aria-hidden", "true");
    icon.append(document.createElementNS("http://www.w3.org/2000/svg", "use"));
    row.append(icon, element("span", { class: "check-title" }), element("span", { class: "check-words" }));
  }
  setAttribute(row, "data-light", light);
  setAttribute(inside(row, "use", SVGUseElement), "href", `/assets/icons.svg#light-${light}`);
  setText(inside(row, ".check-title", HTMLElement), title);
  setText(inside(row, ".check-words", HTMLElement), words);
}
