// Who may broadcast on a channel besides its owner.
import { call, channelPath } from "../lib/api.js";
import { byId, element, fromTemplate, inside, setText } from "../lib/dom.js";
import { confirmed, onSubmit, settle, tell } from "./manage.js";

/** @typedef {import("../lib/types.js").Channel} Channel */
/** @typedef {import("../lib/types.js").User} User */

const field = byId("allow", HTMLInputElement);

const heir = byId("new-owner", HTMLInputElement);
const handing = byId("owner-form", HTMLFormElement);

let channel = "";

/** @param {Channel} shown @param {User} user */
export async function showPeople(shown, user) {
  channel = shown.channel;
  await render();
  await showOwner(shown.owner, user.role === "admin");
}

/** @param {string | null | undefined} owner @param {boolean} admin who may hand it over, and alone is told who there is */
async function showOwner(owner, admin) {
  setText(byId("owner", HTMLElement), owner ? `Its owner, ${owner}, may. ` : "It has no owner. ");
  handing.hidden = !admin;
  if (admin) await suggest(owner ?? "");
}

/** @param {string} owner */
async function suggest(owner) {
  /** @type {{ users: User[] }} */
  const { users } = await call("GET", "/users");
  const others = users.filter(({ name, role }) => name !== owner && role !== "admin");
  byId("people-known", HTMLDataListElement).replaceChildren(...others.map(({ name }) => element("option", { value: name })));
}

async function render() {
  /** @type {{ publishers: string[] }} */
  const { publishers } = await call("GET", channelPath(channel, "publishers"));
  byId("publishers", HTMLUListElement).replaceChildren(...publishers.map(row));
}

/** @param {string} name */
function row(name) {
  const item = fromTemplate("publisher");
  setText(inside(item, ".name", HTMLElement), name);
  const button = inside(item, "button", HTMLButtonElement);
  button.ariaLabel = `Remove ${name}`;
  button.addEventListener("click", () => remove(name));
  return item;
}

/** @param {string} name */
function remove(name) {
  const words = "What they broadcast here in their name ends at once. Stream keys that they know stay good: revoke those above.";
  const run = () => call("DELETE", channelPath(channel, "publishers", name)).then(render);
  const after = () => settle("people-title", `${name} may no longer broadcast here.`);
  confirmed({ title: `Remove ${name}?`, words, action: "Remove" }, run, after);
}

onSubmit(byId("allow-form", HTMLFormElement), async () => {
  const name = field.value.trim();
  await call("PUT", channelPath(channel, "publishers", name));
  field.value = "";
  await render();
  field.focus();
  tell(`${name} may broadcast here.`);
});

onSubmit(handing, async () => {
  const name = heir.value.trim();
  /** @type {Channel} */
  const shown = await call("PATCH", channelPath(channel), { owner: name });
  heir.value = "";
  await showOwner(shown.owner, true);
  settle("people-title", `${name} owns this channel now.`);
});
