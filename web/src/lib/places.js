// Addresses of our own pages.

/**
 * Where to go after signing in: back to where the person came from, if that is a page of ours.
 * @param {string} query of the sign-in page
 * @param {string} origin
 */
export function nextPlace(query, origin) {
  const wanted = new URLSearchParams(query).get("next") ?? "";
  // Only a path counts: "//elsewhere", "/\elsewhere" and, once it is resolved, "/..//elsewhere" lead away.
  if (!wanted.startsWith("/") || !URL.canParse(wanted, origin)) return "/channels";
  const { origin: there, pathname, search } = new URL(wanted, origin);
  const ours = there === origin && !pathname.startsWith("//") && pathname !== "/sign-in";
  return ours ? pathname + search : "/channels";
}

/** @param {{ pathname: string, search: string }} here to come back to */
export function signInPlace({ pathname, search }) {
  return `/sign-in?next=${encodeURIComponent(pathname + search)}`;
}

/** The channel in `/channels/<channel>/settings` or `/watch/<channel>`; "" when it cannot be read. @param {string} pathname */
export function channelIn(pathname) {
  try {
    return decodeURIComponent(/^\/(?:channels|watch)\/([^/]+)/.exec(pathname)?.[1] ?? "");
  } catch {
    return "";
  }
}

/** @param {string} channel */
export function settingsPlace(channel) {
  return `/channels/${encodeURIComponent(channel)}/settings`;
}

/** @param {string} channel */
export function watchPlace(channel) {
  return `/watch/${encodeURIComponent(channel)}`;
}

/** @param {string} channel */
export function broadcastPlace(channel) {
  return `/broadcast?channel=${encodeURIComponent(channel)}`;
}

/** The name that a title suggests: what the server takes as one. @param {string} title */
export function nameFrom(title) {
  const plain = title.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, "-").slice(0, 64).replace(/^-+|-+$/g, "");
}
