// On which other sites a channel's player may stand, and the code for them.
import { call, channelPath } from "../lib/api.js";
import { byId, show } from "../lib/dom.js";
import { embedCode } from "../lib/share.js";
import { sitesIn } from "../lib/sites.js";
import { onSubmit, tell } from "./manage.js";

/** @typedef {import("../lib/types.js").Channel} Channel */

const form = byId("sites-form", HTMLFormElement);
const list = byId("site-list", HTMLTextAreaElement);

let name = "";

/** @param {Channel} channel */
export function showSites(channel) {
  const { title, private: closed } = channel;
  const sites = channel.embed_sites ?? [];
  name = channel.channel;
  choose(sites.length === 0 ? "none" : sites.includes("*") ? "all" : "some");
  list.value = sites.filter((site) => site !== "*").join("\n");
  byId("embed", HTMLInputElement).value = embedCode({ origin: location.origin, channel: name, title: title || name, token: "" });
  show(byId("embed-field", HTMLElement), sites.length > 0);
  show(byId("embed-private", HTMLElement), closed === true);
  show(byId("embed-public", HTMLElement), closed !== true);
  render();
}

/** @param {string} value */
function choose(value) {
  for (const radio of form.querySelectorAll('input[name="sites"]')) {
    if (radio instanceof HTMLInputElement) radio.checked = radio.value === value;
  }
}

function chosen() {
  return new FormData(form).get("sites");
}

function render() {
  const some = chosen() === "some";
  show(byId("site-field", HTMLElement), some);
  list.required = some;
}

function wanted() {
  if (chosen() === "all") return ["*"];
  return chosen() === "some" ? sitesIn(list.value) : [];
}

form.addEventListener("change", render);
onSubmit(form, async () => {
  showSites(await call("PATCH", channelPath(name), { embed_sites: wanted() }));
  tell("Saved.");
});
