// The countdown over the picture.
import { Countdown } from "../lib/countdown.js";
import { byId, setText, show } from "../lib/dom.js";
import { preferences } from "../lib/store.js";

const OFF = "off";

export class StudioCountdown {
  #countdown;
  #wish = byId("count-down", HTMLInputElement);

  /** @param {() => void} onchange */
  constructor(onchange) {
    const clock = { setTimeout: window.setTimeout.bind(window), clearTimeout: window.clearTimeout.bind(window) };
    this.#countdown = new Countdown(() => (this.#render(), onchange()), clock);
    this.#wish.checked = preferences.get("countdown") !== OFF;
    this.#wish.addEventListener("change", () => preferences.set("countdown", this.#wish.checked ? "on" : OFF));
  }

  get counting() {
    return this.#countdown.left > 0;
  }

  /** Until it is over; at once, where the person does not want it. @returns {Promise<boolean>} false when it was cancelled */
  async run() {
    return !this.#wish.checked || this.#countdown.run();
  }

  cancel() {
    this.#countdown.cancel();
  }

  #render() {
    const { left } = this.#countdown;
    show(byId("countdown", HTMLElement), left > 0);
    setText(byId("count", HTMLElement), left > 0 ? String(left) : "");
  }
}
