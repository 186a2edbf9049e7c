// Sites as people type them, and as the server takes them: origins.
import { Fault } from "./fault.js";

const MOST = 20;

/**
 * `www.example.org/page` is taken as `https://www.example.org`.
 * @param {string} text one on each line, or with commas or spaces between
 * @throws {Fault}
 */
export function sitesIn(text) {
  const found = [...new Set(text.split(/[\s,;]+/).filter(Boolean).map(siteOf))];
  if (found.length > MOST) throw new Fault(`These are ${found.length} sites; there may be ${MOST}, or every one.`);
  return found;
}

/** @param {string} typed */
function siteOf(typed) {
  if (typed === "*") return typed;
  const address = /^[a-z][a-z+.-]*:/i.test(typed) && !/^[\w.-]+:\d+(?:\/|$)/.test(typed) ? typed : `https://${typed}`;
  const url = URL.canParse(address) ? new URL(address) : null;
  const host = url?.host.replace(/^\*\./, "") ?? "";
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || !/^[a-z0-9.-]+(?::\d+)?$/.test(host) || !/[a-z0-9]/.test(host)) {
    throw new Fault(`“${typed}” is no site. One looks like https://www.example.org.`);
  }
  return `${url.protocol}//${url.host}`;
}
