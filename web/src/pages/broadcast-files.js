// The list of files that are played one after the other.
import { byId, element, fromTemplate, inside, setText, show } from "../lib/dom.js";
import { FileQueue } from "../lib/file-queue.js";
import { loadFile, unloadFile } from "../lib/file-source.js";
import { PublishError } from "../lib/publish-errors.js";
import { preferences } from "../lib/store.js";

/** @typedef {import("../lib/file-queue.js").Item} Item */
/** @typedef {"play" | "up" | "down" | "remove"} Action */

/** Where one can go no further, the other is at hand. @type {Record<string, Action>} */
const OPPOSITE = { up: "down", down: "up" };

/**
 * @typedef {object} FilesListener
 * @property {() => void} chosen the first one is another one now; while live it is to go on air
 * @property {(problem: PublishError | null) => void} problem
 * @property {() => void} loaded what would be first can be shown
 */

export class FilesField {
  queue = new FileQueue();
  /** What would be first, to its first frame. @type {HTMLVideoElement | null} */
  player = null;
  /** One of them is on air. */
  #onAir = false;
  /** Loaded ahead of time, so that there is no hole. @type {{ item: Item, player: Promise<HTMLVideoElement> } | null} */
  #ahead = null;
  #list = byId("files", HTMLOListElement);
  #listener;

  /** @param {FilesListener} listener */
  constructor(listener) {
    this.#listener = listener;
    this.#listenInput("file", (files) => this.#replace(files));
    this.#listenInput("more-files", (files) => this.#add(files));
    byId("add-files", HTMLButtonElement).addEventListener("click", () => byId("more-files", HTMLInputElement).click());
    const loop = byId("loop", HTMLInputElement);
    loop.checked = preferences.get("loop") === "true";
    this.queue.loop = loop.checked;
    loop.addEventListener("change", () => (preferences.set("loop", String(loop.checked)), (this.queue.loop = loop.checked), this.#changed()));
    this.#render();
  }

  /** @param {boolean} onAir */
  set onAir(onAir) {
    if (this.#onAir === onAir) return;
    this.#onAir = onAir;
    this.#changed();
  }

  /** After a broadcast: from the beginning. */
  rewind() {
    this.#onAir = false;
    this.queue.rewind();
    this.#changed();
  }

  /** The first one, to be played. @throws {PublishError} */
  async open() {
    for (let item = this.queue.now; item !== null; item = this.queue.now) {
      const player = await this.#take(item);
      if (player !== null) return player;
    }
    throw new PublishError(this.queue.items.length > 0 ? "file_not_playable" : "no_file");
  }

  /** The one that follows, which is on from now on; null: it was the last. */
  async openNext() {
    for (let item = this.queue.next; item !== null; item = this.queue.next) {
      const player = await this.#take(item);
      if (player === null) continue;
      this.queue.play(item.id);
      this.#changed();
      return player;
    }
    return null;
  }

  /** Which one is asked for by the browser's own dialogue. */
  ask() {
    byId("file", HTMLInputElement).click();
  }

  /** @param {string} id @param {(files: File[]) => void} chosen */
  #listenInput(id, chosen) {
    const input = byId(id, HTMLInputElement);
    input.addEventListener("change", () => (this.#listener.problem(null), chosen([...(input.files ?? [])])));
  }

  /** @param {File[]} files */
  #replace(files) {
    if (files.length === 0) return; // the dialogue was closed
    this.queue.replace(files);
    this.#first();
  }

  /** @param {File[]} files */
  #add(files) {
    this.queue.add(files);
    byId("more-files", HTMLInputElement).value = ""; // the same ones may be added again
    this.#changed();
  }

  #changed() {
    this.#prepare(this.#onAir ? this.queue.next : this.queue.now);
    this.#render();
  }

  /** @param {Item | null} item that is needed next */
  #prepare(item) {
    if (this.#ahead?.item === item) return;
    this.#ahead?.player.then(unloadFile, () => {});
    this.#ahead = null;
    this.player = null;
    if (item === null || item.broken) return this.#listener.loaded();
    const player = loadFile(item.file);
    this.#ahead = { item, player };
    player.then((made) => this.#prepared(item, made), () => this.#broke(item));
  }

  /** @param {Item} item @param {HTMLVideoElement} player */
  #prepared(item, player) {
    if (this.#ahead?.item !== item) return;
    if (!this.#onAir) this.player = player;
    this.#listener.loaded();
  }

  /** @param {Item} item @returns {Promise<HTMLVideoElement | null>} for good; null when it cannot be played */
  async #take(item) {
    if (this.#ahead?.item !== item) this.#prepare(item);
    const ahead = this.#ahead;
    this.#ahead = null; // nobody else lets go of it
    this.player = null;
    const player = (await ahead?.player.catch(() => null)) ?? null;
    if (player === null) this.#broke(item);
    return player;
  }

  /** @param {Item} item */
  #broke(item) {
    if (item.broken) return;
    this.queue.broke(item.id);
    this.#listener.problem(new PublishError(this.queue.now === null || this.queue.items.length === 1 ? "file_not_playable" : "file_left_out"));
    this.#changed();
  }

  /** @param {Item} item @param {Action} action */
  #act(item, action) {
    if (action === "play") return this.#play(item);
    if (action === "remove") return this.#remove(item);
    const place = this.queue.move(item.id, action === "up" ? -1 : 1, this.#onAir);
    this.#changed();
    this.#say(`${item.name} is number ${place} of ${this.queue.items.length}.`);
  }

  /** @param {Item} item */
  #remove(item) {
    this.queue.remove(item.id, this.#onAir);
    this.#changed();
    this.#say(`${item.name} is removed.`);
  }

  /** @param {Item} item */
  #play(item) {
    this.queue.play(item.id);
    this.#first();
  }

  /** Another one is to be the first now. */
  #first() {
    this.#onAir = false;
    this.#changed();
    this.#listener.chosen();
  }

  /** @param {string} words */
  #say(words) {
    setText(byId("files-said", HTMLElement), words);
  }

  #render() {
    const { items } = this.queue;
    const focused = this.#focused;
    show(byId("queue", HTMLElement), items.length > 0);
    this.#list.replaceChildren(...items.map((item, index) => this.#row(item, index, items.length)));
    if (focused !== null) this.#focus(focused);
  }

  /** The button of the list that has the focus. */
  get #focused() {
    const button = document.activeElement;
    const row = button?.closest("li");
    if (!(button instanceof HTMLElement) || !row || row.parentElement !== this.#list) return null;
    return { id: row.dataset.id, action: button.dataset.action, index: [...this.#list.children].indexOf(row) };
  }

  /** The same one again, or its neighbour. @param {{ id: string | undefined, action: string | undefined, index: number }} focused */
  #focus({ id, action, index }) {
    const { children } = this.#list;
    const row = this.#list.querySelector(`[data-id="${id}"]`) ?? children[Math.min(index, children.length - 1)];
    /** @type {(HTMLElement | null | undefined)[]} */
    const found = [action, OPPOSITE[action ?? ""]].map((one) => row?.querySelector(`[data-action="${one}"]:not(:disabled)`));
    /** @type {HTMLElement | null | undefined} */
    const button = found.find(Boolean) ?? row?.querySelector("button:not(:disabled)");
    (button ?? byId("file", HTMLInputElement)).focus();
  }

  /** @param {Item} item @param {number} index @param {number} count */
  #row(item, index, count) {
    const row = fromTemplate("file-row");
    const state = item.broken ? "broken" : item === this.queue.now ? "now" : item === this.queue.next ? "next" : "";
    const words = { broken: "Cannot be played here", now: this.#onAir ? "On air" : "First", next: "Next", "": "" }[state];
    row.dataset.id = String(item.id);
    row.dataset.state = state;
    inside(row, ".file-name", HTMLElement).append(element("span", { dir: "auto" }, item.name), element("small", {}, words));
    /** @type {[Action, string, boolean][]} */
    const actions = [
      ["play", `Play ${item.name} now`, item.broken || (state === "now" && this.#onAir)],
      ["up", `Move ${item.name} up`, index === 0],
      ["down", `Move ${item.name} down`, index === count - 1],
      ["remove", `Remove ${item.name}`, false],
    ];
    for (const [action, label, disabled] of actions) {
      const button = inside(row, `[data-action="${action}"]`, HTMLButtonElement);
      button.setAttribute("aria-label", label);
      button.disabled = disabled;
      button.addEventListener("click", () => this.#act(item, action));
    }
    return row;
  }
}
