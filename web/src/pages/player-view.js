// The player as a page shows it: picture, curtain, what is said while nothing moves, and the controls.
import { byId, setAttribute, setText, show } from "../lib/dom.js";
import { measureFirstFrame } from "../lib/first-frame.js";
import { signInPlace } from "../lib/places.js";
import { secrets } from "../lib/store.js";
import { errorScreen, waitingWords } from "../lib/trouble.js";
import { upcoming } from "../lib/upcoming.js";
import { keepToken, takeToken, tokenIn } from "../lib/watch-links.js";
import { Watching } from "../lib/watching.js";
import { isOver } from "../lib/words.js";
import { Controls } from "./player-controls.js";

/** @typedef {import("../lib/types.js").Broadcast} Broadcast */
/** @typedef {{ title: string, words: string, action: string, run?: () => void }} Said */

const TICK_MS = 1000;
const FRAMED = window !== window.parent; // where no page of ours but this one may stand

function seeOthers() {
  window.open("/", FRAMED ? "_blank" : "_self", "noopener");
}

/** Puts the player of a channel into the page, whose HTML has parts/player.html in it. */
export class PlayerView {
  #theatre = byId("theatre", HTMLElement);
  #video = byId("player", HTMLVideoElement);
  #poster = byId("poster", HTMLImageElement);
  /** @type {Controls | null} */
  #controls = null;
  #onchange;
  #openElsewhere;

  /**
   * @param {string} channel
   * @param {{ onchange: () => void, openElsewhere: () => void }} page `openElsewhere`: shows how to use another player
   */
  constructor(channel, { onchange, openElsewhere }) {
    this.#onchange = onchange;
    this.#openElsewhere = openElsewhere;
    const token = new URLSearchParams(location.search).get("token") ?? takeToken(secrets, channel, location, history);
    this.watching = new Watching({ channel, token, video: this.#video, onchange: () => this.#render() });
    this.#controls = new Controls(this.watching.player, () => this.#render());
    this.#listen();
    this.#render();
  }

  #listen() {
    const { watching } = this;
    measureFirstFrame(this.#video, (milliseconds) => {
      this.#theatre.dataset.firstFrame = String(milliseconds);
      this.#video.poster = "";
    });
    this.#poster.onload = () => show(this.#poster, true);
    this.#poster.onerror = () => show(this.#poster, false);
    byId("link-form", HTMLFormElement).addEventListener("submit", (event) => this.#linkGiven(event));
    byId("curtain-action", HTMLButtonElement).addEventListener("click", () => this.#curtain().run?.());
    for (const name of ["online", "offline"]) window.addEventListener(name, () => this.#render());
    window.addEventListener("online", () => watching.connected());
    setInterval(() => watching.tick(), TICK_MS);
  }

  /** @param {SubmitEvent} event */
  #linkGiven(event) {
    event.preventDefault();
    const given = tokenIn(byId("watch-link", HTMLInputElement).value);
    show(byId("link-problem", HTMLElement), given === "");
    if (given === "") return;
    keepToken(secrets, this.watching.channel, given);
    location.reload(); // everything here begins with the token
  }

  #render() {
    if (this.#controls === null) return; // it begins
    const { player, locked } = this.watching;
    setAttribute(this.#theatre, "data-state", player.state);
    this.#theatre.classList.toggle("locked", locked !== "");
    this.#renderCurtain();
    this.#renderWaiting();
    const status = byId("state", HTMLElement);
    setAttribute(status, "data-state", player.state);
    setText(status, this.#status());
    this.#controls.render();
    this.#onchange();
  }

  /** For who does not see the picture. */
  #status() {
    const { player, unknownChannel } = this.watching;
    if (unknownChannel !== "" && player.broadcast === null) return unknownChannel;
    if (player.state === "interrupted" || player.state === "loading") return this.#waiting() || "Loading…";
    if (player.state === "playing") return isOver(player.broadcast) ? "You are watching the recording." : "";
    return this.#curtain().title;
  }

  #waiting() {
    const { player, feedLost } = this.watching;
    // the library asks for a while before it says that nobody answers; the feed says so at once
    return waitingWords(player.broadcast, player.failure ?? (feedLost ? "network" : null), navigator.onLine);
  }

  /** @returns {Said} */
  #curtain() {
    const { player, locked, unknownChannel } = this.watching;
    const { state, broadcast } = player;
    const again = broadcast?.hls && isOver(broadcast) ? "Watch the recording" : "";
    const run = () => player.load();
    if (locked !== "") return { title: "This channel is private", words: locked, action: "" };
    if (state === "error") return this.#error();
    if (state === "ended") return { title: "The broadcast is over", words: "Thank you for watching.", action: again, run };
    if (unknownChannel !== "") return { title: "No such channel", words: "Check the address, or see who is live now.", action: "See who is live", run: seeOthers };
    if (broadcast !== null && !isOver(broadcast)) return { title: "Starting…", words: "The broadcast appears here in a few seconds.", action: "" };
    return { title: "Offline", words: "This page starts by itself when the broadcast begins.", action: again, run };
  }

  /** @returns {Said} */
  #error() {
    const { player } = this.watching;
    const run = player.failure === "unsupported" ? this.#openElsewhere : () => player.retry();
    return { ...errorScreen(player.failure, navigator.onLine), run };
  }

  #renderCurtain() {
    const { player, locked, picture } = this.watching;
    const drawn = (player.state === "offline" && this.watching.settled) || player.state === "ended" || player.state === "error";
    show(byId("curtain", HTMLElement), drawn);
    if (!drawn) return;
    const { title, words, action } = this.#curtain();
    setText(byId("curtain-title", HTMLElement), title);
    setText(byId("curtain-words", HTMLElement), words);
    setText(byId("curtain-action", HTMLElement), action);
    show(byId("curtain-action", HTMLElement), action !== "");
    if (picture !== "" && locked === "") setAttribute(this.#poster, "src", picture);
    else show(this.#poster, false);
    this.#renderNext();
    this.#renderLink();
  }

  /** What is to come, where the channel says so and nothing is on. */
  #renderNext() {
    const { player, known, locked } = this.watching;
    const quiet = player.state !== "error" && locked === "" && (player.broadcast === null || isOver(player.broadcast));
    const next = quiet && known !== null ? upcoming({ ...known, broadcast: player.broadcast ?? known.broadcast }, Date.now()) : null;
    show(byId("next", HTMLElement), next !== null);
    setText(byId("next-title", HTMLElement), next?.title ?? "");
    setText(byId("next-words", HTMLElement), next?.words ?? "");
  }

  #renderLink() {
    const { locked, mayHelpToSignIn } = this.watching;
    show(byId("link-form", HTMLElement), locked !== "");
    show(byId("or-sign-in", HTMLElement), mayHelpToSignIn);
    const link = byId("sign-in", HTMLAnchorElement);
    link.href = signInPlace(location);
    link.target = FRAMED ? "_blank" : "";
  }

  #renderWaiting() {
    const { player, picture } = this.watching;
    const stands = player.state === "loading" || player.state === "interrupted";
    show(byId("waiting", HTMLElement), stands && this.#controls?.refused === false);
    setText(byId("waiting-words", HTMLElement), this.#waiting());
    const begins = player.state === "loading" && this.#theatre.dataset.firstFrame === undefined;
    if (begins && picture !== "" && !this.#video.poster) this.#video.poster = picture;
  }
}
