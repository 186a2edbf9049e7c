// What the pages for managing share: signing in first, forms, confirmations, copying, results.
import { ApiError } from "../lib/api.js";
import { byId, element, setText, show } from "../lib/dom.js";
import { Fault } from "../lib/fault.js";
import { signInPlace } from "../lib/places.js";
import { fetchSession } from "../lib/session.js";

/** @typedef {import("../lib/types.js").User} User */

const TOLD_FOR_MS = 6000;
const COPIED_FOR_MS = 2000;

const told = element("p", { class: "told", role: "status", "aria-live": "polite", "data-testid": "result" });
let silence = 0;

/** Says the result of what was done, to eyes and ears. @param {string} words */
export function tell(words) {
  // A modal dialog hides all that is outside of it.
  const top = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  if (told.parentElement !== top) top.append(told);
  setText(told, words);
  clearTimeout(silence);
  silence = window.setTimeout(() => setText(told, ""), TOLD_FOR_MS);
}

/** Shows the page to who is signed in; others sign in first. @param {(user: User) => Promise<void>} run */
export async function begin(run) {
  document.body.append(told);
  const loading = byId("loading", HTMLElement);
  try {
    const { user } = await fetchSession();
    if (user === null) return signInFirst();
    await run(user);
    reveal();
    show(byId("page", HTMLElement), true);
    show(loading, false);
    showPart(location.hash);
  } catch (error) {
    if (isSignedOut(error)) return signInFirst();
    setText(loading, wordsOf(error));
    loading.className = "alert";
    reveal();
  }
}

/** What comes with all the rest, so that nothing moves when its words are known. */
function reveal() {
  for (const part of document.querySelectorAll("[data-later]")) if (part instanceof HTMLElement) show(part, true);
}

/** What the address points to was hidden when the browser looked for it. @param {string} hash */
function showPart(hash) {
  if (hash.length > 1) document.getElementById(hash.slice(1))?.scrollIntoView();
}

function signInFirst() {
  location.replace(signInPlace(location));
}

/** @param {unknown} error */
function wordsOf(error) {
  if (error instanceof ApiError || error instanceof Fault) return error.message;
  console.error(error);
  return "Something unexpected went wrong on this page. Load it again.";
}

/**
 * Does what a form is for: once at a time, and with what went wrong said inside of it.
 * @param {HTMLFormElement} form
 * @param {() => Promise<void>} run
 */
export function onSubmit(form, run) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(form, run);
  });
}

/**
 * @param {HTMLFormElement} form with an alert in it
 * @param {() => Promise<void>} run
 * @returns {Promise<boolean>} whether it went well
 */
export async function attempt(form, run) {
  if (form.ariaBusy === "true") return false;
  form.ariaBusy = "true";
  complain(form, "");
  try {
    await run();
    return true;
  } catch (error) {
    if (isSignedOut(error)) signInFirst();
    complain(form, wordsOf(error));
    return false;
  } finally {
    form.ariaBusy = null;
  }
}

/** @param {HTMLFormElement} form @param {string} words */
function complain(form, words) {
  const alert = form.querySelector(".alert");
  if (!(alert instanceof HTMLElement)) return;
  setText(alert, words);
  show(alert, words !== "");
}

/** The session has ended meanwhile. On the page for signing in it is a wrong password. @param {unknown} error */
function isSignedOut(error) {
  return error instanceof ApiError && error.status === 401 && location.pathname !== "/sign-in";
}

/** Where the focus goes when what had it is gone. @param {string} id of a heading @param {string} words told with it */
export function settle(id, words) {
  byId(id, HTMLElement).focus();
  tell(words);
}

/** What a button or a switch in a list does. Whatever goes wrong is told. @param {() => Promise<void>} run */
export async function act(run) {
  try {
    await run();
  } catch (error) {
    if (isSignedOut(error)) signInFirst();
    tell(wordsOf(error));
  }
}

/**
 * Asks first. The dialog stays until it is done, and says so when it cannot be done.
 * @param {{ title: string, words: string, action: string }} question
 * @param {() => Promise<void>} run
 * @param {() => void} [after] once the dialog is gone, and the page can have the focus again
 */
export function confirmed({ title, words, action }, run, after = () => {}) {
  const cancel = element("button", { type: "button", class: "button" }, "Cancel");
  const form = element("form", {},
    element("h2", { id: "confirm-title" }, title),
    element("p", { id: "confirm-words" }, words),
    element("p", { class: "alert", role: "alert", hidden: "" }),
    element("div", { class: "choice" }, cancel, element("button", { class: "button danger", "data-testid": "confirm" }, action)));
  const dialog = element("dialog", { class: "dialog", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-words" }, form);
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => setTimeout(() => dialog.remove()));
  onSubmit(form, async () => {
    await run();
    dialog.close();
    after();
  });
  document.body.append(dialog);
  dialog.showModal();
  cancel.focus();
}

/** A dialog of the page with a form in it. @param {string} id */
export function openDialog(id) {
  const dialog = byId(id, HTMLDialogElement);
  for (const form of dialog.querySelectorAll("form")) {
    form.reset();
    complain(form, "");
  }
  dialog.showModal();
  return dialog;
}

/** Buttons that close the dialog they stand in, and those that copy what their `data-copy` names. @param {MouseEvent} event */
function clicked({ target }) {
  const button = target instanceof Element ? target.closest("button") : null;
  if (button === null) return;
  if (button.hasAttribute("data-close")) button.closest("dialog")?.close();
  if (button.dataset.copy !== undefined) void copyFor(button);
}

/** @param {HTMLButtonElement} button */
async function copyFor(button) {
  const root = button.closest(".copy");
  const field = root?.querySelector("input");
  const words = button.querySelector(".words") ?? button;
  if (!field) return;
  const copied = await navigator.clipboard?.writeText(field.value).then(() => true, () => false);
  if (!copied) field.select(); // pages without HTTPS may not: then a key press is left to the person
  const before = button.dataset.copy || "Copy";
  setText(words, copied ? "Copied" : "Press Ctrl+C");
  tell(copied ? `${field.ariaLabel ?? "It"} is copied.` : "Select it and press Ctrl+C.");
  setTimeout(() => setText(words, before), COPIED_FOR_MS);
}

/** A file that is made here and saved. @param {string} name @param {string} text @param {string} type */
export function save(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}

/** Asks again and again while the page is looked at. @param {() => Promise<void>} run @param {number} ms */
export function keepFresh(run, ms) {
  const again = async () => {
    if (!document.hidden) await run().catch(() => {}); // the next one may go better
    setTimeout(again, ms);
  };
  setTimeout(again, ms);
}

document.addEventListener("click", clicked);
