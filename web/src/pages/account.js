// The account page: the password, and the browsers in which one is signed in.
import { call } from "../lib/api.js";
import { byId, fromTemplate, inside, setText, show } from "../lib/dom.js";
import { ago, roleWords } from "../lib/labels.js";
import { signOut } from "../lib/session.js";
import { act, begin, confirmed, onSubmit, settle, tell } from "./manage.js";

/** @typedef {import("../lib/types.js").DeviceSession} DeviceSession */
/** @typedef {import("../lib/types.js").User} User */

const current = byId("current", HTMLInputElement);
const fresh = byId("new", HTMLInputElement);

/** @param {User} user */
async function fill(user) {
  setText(byId("who", HTMLElement), `${user.name} · ${roleWords(user.role)}`);
  byId("username", HTMLInputElement).value = user.name;
  await renderSessions();
}

async function renderSessions() {
  /** @type {{ sessions: DeviceSession[] }} */
  const { sessions } = await call("GET", "/account/sessions");
  const order = sessions.sort((a, b) => Number(b.current) - Number(a.current) || b.last_used_at.localeCompare(a.last_used_at));
  byId("sessions", HTMLUListElement).replaceChildren(...order.map(row));
  show(byId("end-others", HTMLElement), sessions.length > 1);
}

/** @param {DeviceSession} session */
function row(session) {
  const item = fromTemplate("session");
  setText(inside(item, ".device", HTMLElement), session.device || "Unknown browser");
  setText(inside(item, ".address", HTMLElement), session.address);
  setText(inside(item, ".used", HTMLElement), session.current ? "in use now" : `last used ${ago(session.last_used_at, Date.now())}`);
  show(inside(item, ".tag", HTMLElement), session.current);
  const button = inside(item, "button", HTMLButtonElement);
  button.ariaLabel = `Sign out ${session.device}, ${session.address}`;
  show(button, !session.current);
  button.addEventListener("click", () => act(() => end(session)));
  return item;
}

/** @param {DeviceSession} session */
async function end({ id, device }) {
  await call("DELETE", `/account/sessions/${encodeURIComponent(id)}`);
  await renderSessions();
  settle("sessions-title", `${device} is signed out.`);
}

function endOthers() {
  const question = { title: "Sign out everywhere else?", words: "Every other browser has to sign in again. This one stays signed in.", action: "Sign out the others" };
  const run = async () => {
    await call("DELETE", "/account/sessions");
    await renderSessions();
  };
  confirmed(question, run, () => settle("sessions-title", "Every other browser is signed out."));
}

onSubmit(byId("password-form", HTMLFormElement), async () => {
  await call("PUT", "/account/password", { current: current.value, new: fresh.value });
  byId("password-form", HTMLFormElement).reset();
  reveal(false);
  await renderSessions();
  tell("The password is changed. Every other browser has to sign in again.");
});

/** @param {boolean} shown */
function reveal(shown) {
  for (const field of [current, fresh]) field.type = shown ? "text" : "password";
}

byId("reveal", HTMLInputElement).addEventListener("change", ({ target }) => reveal(target instanceof HTMLInputElement && target.checked));
byId("end-others", HTMLButtonElement).addEventListener("click", endOthers);
byId("sign-out", HTMLButtonElement).addEventListener("click", () => act(async () => (await signOut(), location.assign("/"))));
void begin(fill);
