// People, as an admin sees them.
import { call } from "../lib/api.js";
import { byId, fromTemplate, inside, setText, show } from "../lib/dom.js";
import { ago, roleWords } from "../lib/labels.js";
import { suggestPassword } from "../lib/passwords.js";
import { act, confirmed, onSubmit, openDialog, settle, tell } from "./manage.js";

/** @typedef {import("../lib/types.js").User} User */
/** @typedef {import("../lib/types.js").Role} Role */

const fields = {
  name: byId("user-name", HTMLInputElement),
  password: byId("user-password", HTMLInputElement),
  role: byId("user-role", HTMLSelectElement),
  reset: byId("reset-password", HTMLInputElement),
};

let me = "";
/** Whose password is being set. */
let whose = "";
/** Called after each change. @type {() => Promise<void>} */
let changed = async () => {};

/** @param {User} user who looks at this @param {() => Promise<void>} onchange */
export async function showUsers(user, onchange) {
  me = user.name;
  changed = onchange;
  await render();
}

async function render() {
  /** @type {{ users: User[] }} */
  const { users } = await call("GET", "/users");
  byId("user-list", HTMLUListElement).replaceChildren(...users.map(row));
}

/** @param {User} user */
function row(user) {
  const item = fromTemplate("user");
  setText(inside(item, ".who", HTMLElement), user.name);
  setText(inside(item, ".made", HTMLElement), `made ${ago(user.created_at, Date.now())}`);
  show(inside(item, ".you", HTMLElement), user.name === me);
  show(inside(item, ".bad", HTMLElement), user.disabled);
  const role = inside(item, ".role", HTMLSelectElement);
  role.value = user.role;
  role.ariaLabel = `Role of ${user.name}`;
  role.disabled = user.name === me; // nobody shuts themselves out by a slip
  role.addEventListener("change", () => act(() => setRole(user, role)));
  bindActions(item, user);
  return item;
}

/** @param {HTMLElement} item @param {User} user */
function bindActions(item, user) {
  const disable = inside(item, ".disable", HTMLButtonElement);
  setText(disable, user.disabled ? "Enable" : "Disable");
  /** @type {[string, () => void][]} */
  const actions = [["reset", () => reset(user)], ["disable", () => toggle(user)], ["delete", () => remove(user)]];
  for (const [kind, run] of actions) {
    const button = inside(item, `.${kind}`, HTMLButtonElement);
    button.ariaLabel = `${button.textContent}: ${user.name}`;
    show(button, kind === "reset" || user.name !== me);
    button.addEventListener("click", run);
  }
}

/** @param {User} user @param {object} change */
async function patch({ name }, change) {
  await call("PATCH", `/users/${name}`, change);
  await refresh();
}

/** All rows are new: the focus that was in one goes to their heading. */
async function refresh() {
  await render();
  await changed();
}

/** @param {string} words */
function done(words) {
  settle("users-title", words);
}

/** @param {User} user @param {HTMLSelectElement} select */
async function setRole(user, select) {
  const role = /** @type {Role} */ (select.value);
  try {
    await patch(user, { role });
    done(`${user.name} is ${role === "admin" ? "an" : "a"} ${roleWords(role).toLowerCase()} now.`);
  } catch (error) {
    select.value = user.role;
    throw error;
  }
}

/** @param {User} user */
function toggle(user) {
  if (user.disabled) return act(() => patch(user, { disabled: false }).then(() => done(`${user.name} can sign in again.`)));
  const words = "They are signed out everywhere, and what they broadcast in their name ends. Stream keys of their channels stay good.";
  confirmed({ title: `Disable ${user.name}?`, words, action: "Disable" }, () => patch(user, { disabled: true }), () => done(`${user.name} is disabled.`));
}

/** @param {User} user */
function remove(user) {
  const words = "Their channels stay, and are managed by admins from then on. This cannot be undone.";
  const run = () => call("DELETE", `/users/${user.name}`).then(refresh);
  confirmed({ title: `Delete ${user.name}?`, words, action: "Delete" }, run, () => done(`${user.name} is deleted.`));
}

/** @param {User} user */
function reset({ name }) {
  whose = name;
  setText(byId("reset-name", HTMLElement), name);
  openDialog("reset-dialog");
  fields.reset.value = suggestPassword();
  fields.reset.focus();
}

onSubmit(byId("reset-form", HTMLFormElement), async () => {
  await call("PATCH", `/users/${whose}`, { password: fields.reset.value });
  byId("reset-dialog", HTMLDialogElement).close();
  await changed();
  tell(`${whose} has a new password, and has to sign in again.`);
});

onSubmit(byId("user-form", HTMLFormElement), async () => {
  const name = fields.name.value.trim();
  await call("POST", "/users", { name, password: fields.password.value, role: fields.role.value });
  byId("user-dialog", HTMLDialogElement).close();
  await refresh();
  done(`${name} can sign in now.`);
});

byId("new-user", HTMLButtonElement).addEventListener("click", () => {
  openDialog("user-dialog");
  fields.password.value = suggestPassword();
});
