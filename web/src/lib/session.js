// Who is signed in here.
import { call } from "./api.js";

/** @typedef {import("./types.js").SignedIn} SignedIn */

/** @type {Promise<SignedIn> | null} */
let asked = null;

/** Asked once for a page, however many parts of it want to know. @returns {Promise<SignedIn>} */
export function fetchSession() {
  asked ??= call("GET", "/session");
  return asked;
}

/** @param {string} name @param {string} password @returns {Promise<SignedIn>} */
export function signIn(name, password) {
  return call("POST", "/session", { name, password });
}

export function signOut() {
  return call("DELETE", "/session");
}
