// The page for admins: people, channels, and what has happened.
import { ApiError, call, fetchMyChannels } from "../lib/api.js";
import { byId, element, show } from "../lib/dom.js";
import { auditRow } from "../lib/labels.js";
import { showUsers } from "./admin-users.js";
import { channelRow } from "./channel-row.js";
import { act, begin } from "./manage.js";

/** @typedef {import("../lib/types.js").AuditEntry} AuditEntry */
/** @typedef {import("../lib/types.js").User} User */

const AT_ONCE = 50;

const body = byId("entries", HTMLTableSectionElement);
const older = byId("older", HTMLButtonElement);
/** @type {number | null} */
let next = null;

/** @param {User} user */
async function fill(user) {
  if (user.role !== "admin") throw new ApiError("not_allowed", "This page is for admins.");
  await Promise.all([showUsers(user, renderAudit), renderChannels(), renderAudit()]);
}

async function renderChannels() {
  const channels = await fetchMyChannels(); // to an admin, these are all
  const rows = channels.map((channel) => channelRow(channel, channel.owner ? `of ${channel.owner}` : ""));
  byId("channel-list", HTMLUListElement).replaceChildren(...rows);
}

async function renderAudit() {
  body.replaceChildren();
  next = null;
  await more();
}

async function more() {
  const before = next === null ? "" : `&before=${next}`;
  /** @type {{ entries: AuditEntry[], next: number | null }} */
  const answer = await call("GET", `/audit?limit=${AT_ONCE}${before}`);
  next = answer.next;
  body.append(...answer.entries.map(row));
  show(older, next !== null);
}

/** @param {AuditEntry} entry */
function row(entry) {
  const { when, who, did, to, from } = auditRow(entry);
  const time = element("time", { datetime: entry.at, title: new Date(entry.at).toLocaleString() }, when);
  /** @type {[string, string][]} */
  const others = [["rest", who], ["did", did], ["rest", to], ["rest", from]];
  return element("tr", {}, element("td", { class: "when" }, time), ...others.map(([kind, words]) => element("td", { class: kind }, words)));
}

older.addEventListener("click", () => act(more));
void begin(fill);
