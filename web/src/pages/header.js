// The header of every page: the way to sign in, or who is signed in.
import { byId, element, show } from "../lib/dom.js";
import { signInPlace } from "../lib/places.js";
import { fetchSession, signOut } from "../lib/session.js";

/** @typedef {import("../lib/types.js").User} User */

const place = byId("person", HTMLElement);

/** @param {User | null} user */
function render(user) {
  if (user !== null) return place.replaceChildren(menu(user));
  if (location.pathname === "/sign-in") return show(place, false);
  place.replaceChildren(element("a", { href: signInPlace(location), "data-testid": "sign-in-link" }, "Sign in"));
}

/** @param {User} user */
function menu(user) {
  const initial = element("span", { class: "initial", "aria-hidden": "true" }, user.name.slice(0, 1));
  const name = element("span", { class: "name" }, user.name, element("span", { class: "visually-hidden" }, ": account menu"));
  const summary = element("summary", {}, initial, name);
  const links = [link("/channels", "Channels"), link("/account", "Account")];
  if (user.role === "admin") links.push(link("/admin/overview", "Overview"), link("/admin", "Admin"));
  const made = element("details", { class: "menu", "data-testid": "person" }, summary, element("ul", {}, ...links, leave()));
  made.addEventListener("keydown", (event) => event.key === "Escape" && close(made, summary));
  made.addEventListener("focusout", ({ relatedTarget }) => relatedTarget instanceof Node && !made.contains(relatedTarget) && close(made));
  document.addEventListener("click", ({ target }) => target instanceof Node && !made.contains(target) && close(made));
  return made;
}

/** @param {HTMLDetailsElement} details @param {HTMLElement} [focus] */
function close(details, focus) {
  if (!details.open) return;
  details.open = false;
  focus?.focus();
}

/** @param {string} href @param {string} words */
function link(href, words) {
  const made = element("a", { href }, words);
  if (location.pathname === href) made.setAttribute("aria-current", "page");
  return element("li", {}, made);
}

function leave() {
  const button = element("button", { type: "button" }, "Sign out");
  button.addEventListener("click", () => signOut().then(() => location.assign("/"), (error) => (button.textContent = error.message)));
  return element("li", { class: "apart" }, button);
}

// A page that cannot ask has worse to say than this.
fetchSession().then(({ user }) => render(user), () => {});
