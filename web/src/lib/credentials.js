// The link that lets someone broadcast: /broadcast#channel=…&streamKey=…&token=…

/** Without a stream key, the token alone says who it is. @typedef {{ channel: string, streamKey: string, token: string }} Credentials */
/** @typedef {{ get: (key: string) => string | null, set: (key: string, value: string) => void, remove: (key: string) => void }} Store */

const KEY = "credentials";

/**
 * Reads the fragment, or a whole pasted link. It may hold no token where the server asks for none.
 * @param {string} text
 * @returns {Credentials | null}
 */
export function parse(text) {
  const fragment = text.slice(text.indexOf("#") + 1).trim();
  const fields = new URLSearchParams(fragment);
  const streamKey = fields.get("streamKey")?.trim() ?? "";
  if (streamKey === "") return null;
  return { channel: fields.get("channel")?.trim() ?? "", streamKey, token: fields.get("token")?.trim() ?? "" };
}

/**
 * From the address bar, or else from this tab's store. The fragment is taken out of the address
 * bar at once: it would stand in a screen share, in the history, and in what people copy.
 * @param {Store} store
 * @param {{ hash: string, pathname: string }} location
 * @param {{ replaceState: (data: unknown, unused: string, url: string) => void }} history
 * @returns {Credentials | null}
 */
export function take(store, location, history) {
  const fresh = parse(location.hash);
  if (location.hash.length > 1) history.replaceState(null, "", location.pathname);
  if (fresh === null) return recall(store);
  keep(store, fresh);
  return fresh;
}

/** @param {Store} store @param {Credentials} credentials */
export function keep(store, credentials) {
  store.set(KEY, new URLSearchParams({ ...credentials }).toString());
}

/** @param {Store} store */
export function forget(store) {
  store.remove(KEY);
}

/** @param {Store} store @returns {Credentials | null} */
function recall(store) {
  return parse(store.get(KEY) ?? "");
}

/**
 * The socket's address. The token does not stand in it: it goes as a subprotocol, which a
 * browser can set and which stays out of access logs.
 * @param {{ protocol: string, host: string }} location
 * @param {Credentials} credentials
 */
export function socketAddress(location, credentials) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const query = credentials.streamKey === "" ? "" : `?${new URLSearchParams({ streamKey: credentials.streamKey })}`;
  return `${scheme}//${location.host}/ws${query}`;
}

/** @param {Credentials} credentials */
export function subprotocols(credentials) {
  return credentials.token === "" ? [] : [`bearer.${credentials.token}`];
}
