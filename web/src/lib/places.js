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

/** The channel in `/channels/<channel>/settings`, `/watch/<channel>` or `/embed/<channel>`; "" when it cannot be read. @param {string} pathname */
export function channelIn(pathname) {
  try {
    return decodeURIComponent(/^\/(?:channels|watch|embed)\/([^/]+)/.exec(pathname)?.[1] ?? "");
  } catch {
    return "";
  }
}

/** What everybody sees of it. @param {string} channel */
export function channelPlace(channel) {
  return `/channels/${encodeURIComponent(channel)}`;
}

/** Where one goes live on it. @param {string} channel */
export function studioPlace(channel) {
  return `${channelPlace(channel)}/studio`;
}

/** @param {string} channel */
export function settingsPlace(channel) {
  return `/channels/${encodeURIComponent(channel)}/settings`;
}

/** How a broadcast went, and why. @param {{ channel: string, id: string }} broadcast */
export function diagnosisPlace({ channel, id }) {
  return `/channels/${encodeURIComponent(channel)}/broadcasts/${encodeURIComponent(id)}`;
}

/** The broadcast in such an address; "" when there is none. @param {string} pathname */
export function broadcastIn(pathname) {
  return /^\/channels\/[^/]+\/broadcasts\/(\w+)$/.exec(pathname)?.[1] ?? "";
}

/** @param {string} channel */
export function watchPlace(channel) {
  return `/watch/${encodeURIComponent(channel)}`;
}

/** The name that a title suggests: what the server takes as one. @param {string} title */
export function nameFrom(title) {
  const plain = title.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, "-").slice(0, 64).replace(/^-+|-+$/g, "");
}
