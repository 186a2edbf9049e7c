// What a viewer can hand on, to be copied.
import { byId, element, fromTemplate, inside, setText, show } from "../lib/dom.js";
import { settingsPlace } from "../lib/places.js";
import { needsLink, shared } from "../lib/share.js";

/** @typedef {import("../lib/watching.js").Watching} Watching */
/** @typedef {import("../lib/share.js").Shared} Shared */

export class ShareDialog {
  #dialog = byId("sharing", HTMLDialogElement);

  /** @param {Watching} watching @param {string} title */
  open({ channel, token, known }, title) {
    const lacking = known === null ? "" : needsLink(known, token);
    const problem = byId("sharing-problem", HTMLElement);
    show(problem, lacking !== "");
    if (lacking === "make") problem.replaceChildren("This channel is private: whoever is to watch needs a link with a token in it. Make one in ", element("a", { href: settingsPlace(channel) }, "the channel's settings"), ".");
    if (lacking === "ask") setText(problem, "This channel is private: whoever is to watch needs a link with a token in it. Those who manage the channel can make one.");
    const items = lacking === "" ? shared({ origin: location.origin, channel, title, token, embeddable: known?.embeddable === true }) : [];
    byId("shared", HTMLElement).replaceChildren(...items.map((item) => this.#field(item)));
    this.#dialog.showModal();
  }

  /** @param {Shared} item */
  #field({ id, label, value, hint }) {
    const made = fromTemplate("shared-item");
    const name = inside(made, "label", HTMLLabelElement);
    const input = inside(made, "input", HTMLInputElement);
    const button = inside(made, "button", HTMLButtonElement);
    setText(name, label);
    name.htmlFor = input.id = `shared-${id}`;
    input.value = value;
    input.dataset.testid = `shared-${id}`;
    button.ariaLabel = `Copy: ${label}`;
    input.addEventListener("focus", () => input.select());
    button.addEventListener("click", () => this.#copy(input, button));
    setText(inside(made, ".hint", HTMLElement), hint);
    return made;
  }

  /** Without the permission, or over HTTP, at least all of it is selected. @param {HTMLInputElement} input @param {HTMLButtonElement} button */
  async #copy(input, button) {
    input.select();
    const done = await (navigator.clipboard?.writeText(input.value) ?? Promise.reject()).then(() => true, () => document.execCommand("copy"));
    setText(button, done ? "Copied" : "Press Ctrl+C");
    setText(byId("copied", HTMLElement), done ? "Copied." : "It is selected: press Ctrl and C.");
  }
}
