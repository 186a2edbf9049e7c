// Who may broadcast from this page: whoever has a link, and whoever is signed in.
import { fetchMyChannels } from "../lib/api.js";
import * as credentials from "../lib/credentials.js";
import { byId, element, inside, setText, show } from "../lib/dom.js";
import { Permission } from "../lib/permission.js";
import { channelIn, signInPlace } from "../lib/places.js";
import { fetchSession } from "../lib/session.js";
import { preferences, secrets } from "../lib/store.js";

/** @typedef {import("../lib/credentials.js").Credentials} Credentials */
/** @typedef {import("../lib/types.js").Channel} Channel */

const linkForm = byId("credentials-form", HTMLFormElement);
const channelForm = byId("channel-form", HTMLFormElement);

export class Access {
  /** Where who is signed in may broadcast; null: nobody is. @type {Channel[] | null} */
  #channels = null;
  #listener;

  /** @param {(permission: Permission | null) => void} listener */
  constructor(listener) {
    this.#listener = listener;
    linkForm.addEventListener("submit", (event) => this.#linkGiven(event));
    channelForm.addEventListener("submit", (event) => this.#channelChosen(event));
    byId("by-link", HTMLButtonElement).addEventListener("click", () => this.#askForLink(true));
    byId("other-link", HTMLButtonElement).addEventListener("click", () => this.#forget());
  }

  /** A link counts for more than being signed in: it says which channel. */
  async begin() {
    const given = credentials.take(secrets, location, history);
    const named = channelIn(location.pathname);
    const fits = named === "" || given?.channel === "" || given?.channel === named;
    if (given !== null && fits) return this.#enter(new Permission(given));
    this.#channels = await fetchMine();
    this.#offer();
  }

  /** Another link was opened in this tab. @param {boolean} onlyKeep @returns {Permission | null} what is only kept */
  linkOpened(onlyKeep) {
    const given = credentials.take(secrets, location, history);
    if (given === null) return null;
    const permission = new Permission(given);
    if (onlyKeep) return permission;
    this.#enter(permission);
    return null;
  }

  /** Where there is nothing to choose, nothing is asked. */
  #offer() {
    const channels = this.#channels;
    if (channels === null) return this.#askForLink(false);
    const named = channelIn(location.pathname) || new URLSearchParams(location.search).get("channel");
    const [only, ...others] = channels.filter(({ channel }) => !named || channel === named);
    if (only !== undefined && others.length === 0) return this.#enter(Permission.of(only.channel));
    this.#askForChannel(channels);
  }

  /** @param {Permission} permission */
  #enter(permission) {
    show(linkForm, false);
    show(channelForm, false);
    this.#listener(permission);
  }

  /** @param {Channel[]} channels */
  #askForChannel(channels) {
    const last = preferences.get("channel");
    const wanted = channels.find(({ channel }) => channel === last) ?? channels[0];
    byId("channel-choices", HTMLElement).replaceChildren(...channels.map((channel) => choice(channel, channel === wanted)));
    show(byId("channel-list", HTMLElement), channels.length > 0);
    show(byId("no-channels", HTMLElement), channels.length === 0);
    show(byId("choose-channel", HTMLElement), channels.length > 0);
    show(linkForm, false);
    show(channelForm, true);
  }

  /** @param {boolean} asked for by the person, who goes on there */
  #askForLink(asked) {
    show(channelForm, false);
    const signIn = byId("sign-in-part", HTMLElement);
    inside(signIn, "a", HTMLAnchorElement).href = signInPlace(location);
    show(signIn, this.#channels === null);
    show(linkForm, true);
    if (asked) byId("link", HTMLInputElement).focus();
  }

  /** @param {SubmitEvent} event */
  #channelChosen(event) {
    event.preventDefault();
    const channel = new FormData(channelForm).get("on");
    if (typeof channel !== "string") return;
    preferences.set("channel", channel);
    this.#enter(Permission.of(channel));
    byId("content", HTMLElement).focus({ preventScroll: true });
  }

  /** @param {SubmitEvent} event */
  #linkGiven(event) {
    event.preventDefault();
    const given = credentials.parse(byId("link", HTMLInputElement).value) ?? byHand();
    const problem = byId("credentials-error", HTMLElement);
    show(problem, given === null);
    if (given === null) return setText(problem, "There is no stream key in this link. Paste the whole of it, from http to its very end.");
    credentials.keep(secrets, given);
    this.#enter(new Permission(given));
    byId("content", HTMLElement).focus({ preventScroll: true });
  }

  /** Another channel, or another link. */
  async #forget() {
    credentials.forget(secrets);
    linkForm.reset();
    this.#listener(null);
    this.#channels = await fetchMine();
    if (this.#channels === null) return this.#askForLink(true);
    this.#askForChannel(this.#channels);
    byId("content", HTMLElement).focus({ preventScroll: true });
  }
}

/** Null when nobody is signed in, or the server does not say: a link works all the same. @returns {Promise<Channel[] | null>} */
async function fetchMine() {
  try {
    const { user } = await fetchSession();
    if (user === null) return null;
    return (await fetchMyChannels()).filter(({ may }) => may?.publish);
  } catch {
    return null;
  }
}

/** @returns {Credentials | null} */
function byHand() {
  const [channel, streamKey, token] = ["channel", "key", "token"].map((id) => byId(id, HTMLInputElement).value.trim());
  if (!streamKey) return null;
  return { channel: channel ?? "", streamKey, token: token ?? "" };
}

/** @param {Channel} channel @param {boolean} checked */
function choice({ channel, title }, checked) {
  const radio = element("input", { type: "radio", name: "on", value: channel });
  radio.checked = checked;
  return element("label", {}, radio, element("span", {}, title || channel), element("small", {}, channel));
}
