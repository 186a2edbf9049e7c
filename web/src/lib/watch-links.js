// The link that lets someone watch a private channel: /watch/<channel>#token=…

/** @typedef {import("./credentials.js").Store} Store */

/** @param {string} origin @param {string} channel @param {string} token */
export function watchLink(origin, channel, token) {
  return `${origin}/watch/${encodeURIComponent(channel)}#${new URLSearchParams({ token })}`;
}

/** For players that are no browser. @param {string} origin @param {string} channel @param {string} token */
export function playlistLink(origin, channel, token) {
  return withToken(`${origin}/hls/${encodeURIComponent(channel)}/index.m3u8`, token);
}

/** The token in a fragment, in a whole link, or alone; "" when there is none. @param {string} text */
export function tokenIn(text) {
  const given = text.trim();
  const named = new URLSearchParams(given.slice(given.indexOf("#") + 1)).get("token") ?? "";
  if (named !== "") return named.trim();
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(given) ? given : "";
}

/**
 * From the address bar, or else from this tab's store. It is taken out of the address bar, so
 * that nobody shows it around unknowingly, in a screen share or in what they copy.
 * @param {Store} store
 * @param {string} channel
 * @param {{ hash: string, pathname: string }} location
 * @param {{ replaceState: (data: unknown, unused: string, url: string) => void }} history
 */
export function takeToken(store, channel, location, history) {
  const fresh = location.hash.length > 1 ? tokenIn(location.hash) : "";
  if (fresh === "") return store.get(key(channel)) ?? "";
  history.replaceState(null, "", location.pathname);
  keepToken(store, channel, fresh);
  return fresh;
}

/** @param {Store} store @param {string} channel @param {string} token */
export function keepToken(store, channel, token) {
  store.set(key(channel), token);
}

/** @param {Store} store @param {string} channel */
export function forgetToken(store, channel) {
  store.remove(key(channel));
}

/** @param {string} channel */
function key(channel) {
  return `watch.${channel}`;
}

/** A playlist's address with the token in it; the server leads on to one whose children carry it, too. @param {string} url @param {string} token */
export function withToken(url, token) {
  if (token === "") return url;
  return `${url}${url.includes("?") ? "&" : "?"}${new URLSearchParams({ token })}`;
}

/** The address of any other file of the channel, with the token as a folder of it. @param {string} path @param {string} token */
export function throughToken(path, token) {
  return token === "" ? path : path.replace(/^\/hls\//, `/hls/-/${token}/`);
}
