// What WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) have in common in a browser.

/** Opus comes in stereo only to who says that it wants that (RFC 7587, 7.1); Chromium does not by itself. @param {string} sdp */
export function inStereo(sdp) {
  const payload = /^a=rtpmap:(\d+) opus\/48000\/2\r?$/im.exec(sdp)?.[1] ?? "";
  const line = new RegExp(`^(a=fmtp:${payload} (?!.*\\bstereo=)[^\r\n]+)`, "m");
  return payload === "" ? sdp : sdp.replace(line, "$1;stereo=1");
}

/**
 * STUN and TURN servers of an answer's `Link` headers (RFC 9725, 4.6), which `fetch` joins by commas.
 * @param {string | null} links
 * @returns {{ urls: string, username?: string, credential?: string }[]}
 */
export function iceServers(links) {
  const found = [];
  for (const [, urls = "", rest = ""] of (links ?? "").matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+(?:=(?:"(?:[^"\\]|\\.)*"|[^",;\s]*))?)*)/g)) {
    const said = Object.fromEntries([...rest.matchAll(/([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;\s]*))/g)].map(([, name = "", quoted, bare]) => [name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? bare ?? ""]));
    if (said.rel !== "ice-server" || !/^(stun|turn)s?:/.test(urls)) continue;
    found.push(urls.startsWith("stun") ? { urls } : { urls, username: said.username ?? "", credential: said.credential ?? "" });
  }
  return found;
}

/** Milliseconds that an answer asks for before the next attempt; 0: none, or a date. @param {string | null} header */
export function retryAfter(header) {
  return /^\d{1,6}$/.test(header ?? "") ? Number(header) * 1000 : 0;
}

/**
 * An offer, and the server's answer to it. Candidates of ours are not sent: the server is reached at its own,
 * and sees whence.
 * @param {RTCPeerConnection} pc @param {(sdp: string) => Promise<Response>} post which answers 201, or throws
 * @param {(session: string) => boolean} begun is told where the session is ended; whether it is still wanted
 */
export async function negotiate(pc, post, begun) {
  const offer = { type: /** @type {const} */ ("offer"), sdp: inStereo((await pc.createOffer()).sdp ?? "") };
  const answer = await post(offer.sdp);
  if (!begun(new URL(answer.headers.get("Location") ?? "", answer.url).href)) return;
  const servers = iceServers(answer.headers.get("Link"));
  if (servers.length > 0) pc.setConfiguration({ iceServers: servers }); // before candidates are gathered
  await pc.setLocalDescription(offer);
  await pc.setRemoteDescription({ type: "answer", sdp: inStereo(await answer.text()) });
}
