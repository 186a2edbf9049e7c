// The camera in a corner of the screen: whether, which corner, how large.
import { byId, setAttribute, show } from "../lib/dom.js";
import { preferences } from "../lib/store.js";

/** @typedef {import("../lib/layout.js").Corner} Corner */
/** @typedef {import("../lib/layout.js").Look} Look */

export class InsetField {
  #on = byId("inset", HTMLInputElement);
  #size = byId("inset-size", HTMLInputElement);

  /** @param {{ toggled: () => void, looked: (look: Look) => void }} listener */
  constructor({ toggled, looked }) {
    this.#recall();
    this.#on.addEventListener("change", () => (preferences.set("inset", String(this.#on.checked)), this.#render(), toggled()));
    for (const radio of corners()) radio.addEventListener("change", () => (preferences.set("corner", radio.value), looked(this.look)));
    this.#size.addEventListener("input", () => (preferences.set("inset-size", this.#size.value), this.#render(), looked(this.look)));
    this.#render();
  }

  get on() {
    return this.#on.checked;
  }

  /** There is nothing else to be seen: it can neither go nor lie in a corner. @param {boolean} alone */
  set alone(alone) {
    this.#on.disabled = alone;
    show(byId("inset-look", HTMLElement), this.on && !alone);
  }

  /** It could not be shown, or is gone. */
  off() {
    this.#on.checked = false;
    this.#render();
  }

  /** @returns {Look} */
  get look() {
    const corner = corners().find(({ checked }) => checked)?.value ?? "bottom-right";
    return { corner: /** @type {Corner} */ (corner), size: Number(this.#size.value) / 100 };
  }

  #recall() {
    this.#on.checked = preferences.get("inset") === "true";
    this.#size.value = preferences.get("inset-size") ?? this.#size.value;
    for (const radio of corners()) if (radio.value === preferences.get("corner")) radio.checked = true;
  }

  #render() {
    show(byId("inset-look", HTMLElement), this.#on.checked);
    setAttribute(this.#size, "aria-valuetext", `${this.#size.value} %`);
  }
}

/** @returns {HTMLInputElement[]} */
function corners() {
  return [...document.querySelectorAll('input[name="corner"]')].filter((one) => one instanceof HTMLInputElement);
}
