// The page for signing in.
import { byId, show } from "../lib/dom.js";
import { nextPlace } from "../lib/places.js";
import { fetchSession, signIn } from "../lib/session.js";
import { onSubmit } from "./manage.js";

const password = byId("password", HTMLInputElement);

async function goOn() {
  location.replace(nextPlace(location.search, location.origin));
}

onSubmit(byId("sign-in", HTMLFormElement), async () => {
  try {
    await signIn(byId("name", HTMLInputElement).value.trim(), password.value);
  } catch (error) {
    password.select();
    throw error;
  }
  await goOn();
});

// Whoever is signed in already goes on at once.
fetchSession().then(({ user, first_start }) => {
  show(byId("first-start", HTMLElement), first_start && user === null);
  return user === null ? undefined : goOn();
}, () => {});
