// What a channel shows while it is not live: its picture, and what is to come.
import { call, channelPath } from "../lib/api.js";
import { byId, setText, show } from "../lib/dom.js";
import { localTime, momentOf } from "../lib/moments.js";
import { shrunk } from "../lib/shrunk.js";
import { keepShown, showPicture, stand } from "./cards.js";
import { act, attempt, confirmed, onSubmit, settle, tell } from "./manage.js";

/** @typedef {import("../lib/types.js").Channel} Channel */

const pictureForm = byId("picture-form", HTMLFormElement);
const file = byId("picture-file", HTMLInputElement);
const title = byId("next-title", HTMLInputElement);
const at = byId("next-at", HTMLInputElement);

let name = "";

/** @param {Channel} channel */
export function showFront(channel) {
  name = channel.channel;
  stand(byId("picture-initial", HTMLElement), name);
  renderPicture(channel);
  renderNext(channel);
}

/** @param {Channel} channel */
function renderPicture({ picture }) {
  showPicture(byId("picture", HTMLImageElement), picture);
  show(byId("remove-picture", HTMLElement), Boolean(picture));
  setText(byId("choose-picture", HTMLElement), picture ? "Choose another…" : "Choose a picture…");
}

/** @param {Channel} channel */
function renderNext({ next_at, next_title }) {
  title.value = next_title ?? "";
  at.value = localTime(next_at ?? null);
  show(byId("clear-next", HTMLElement), Boolean(next_at || next_title));
}

async function send() {
  const [chosen] = file.files ?? [];
  if (chosen === undefined) return;
  renderPicture(await call("PUT", channelPath(name, "picture"), await shrunk(chosen)));
  tell("The picture is stored.");
}

async function remove() {
  renderPicture(await call("DELETE", channelPath(name, "picture")));
}

/** @param {object} changes */
async function announce(changes) {
  renderNext(await call("PATCH", channelPath(name), changes));
}

keepShown(byId("picture", HTMLImageElement));
byId("choose-picture", HTMLButtonElement).addEventListener("click", () => file.click());
file.addEventListener("change", () => {
  void attempt(pictureForm, send).then(() => (file.value = "")); // the same file may be chosen again
});
byId("remove-picture", HTMLButtonElement).addEventListener("click", () => {
  const question = { title: "Remove the picture?", words: "The channel shows its first letter then, or what was on last.", action: "Remove" };
  confirmed(question, remove, () => (byId("choose-picture", HTMLButtonElement).focus(), tell("The picture is removed.")));
});
onSubmit(byId("next-form", HTMLFormElement), async () => {
  await announce({ next_title: title.value.trim(), next_at: momentOf(at.value, Date.now()) });
  tell("Saved.");
});
byId("clear-next", HTMLButtonElement).addEventListener("click", () =>
  act(async () => {
    await announce({ next_title: "", next_at: null });
    settle("next-title", "Nothing is announced any more.");
  }),
);
