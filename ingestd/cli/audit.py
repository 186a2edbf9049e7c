"""``ingestd audit``: who did what, when, and from where."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ingestd.accounts.model import Entry
from ingestd.cli import show
from ingestd.cli.installation import Commands, add

if TYPE_CHECKING:
    from ingestd.accounts.accounts import Accounts

_LIMIT = 50

_EXAMPLES = """\
ingestd audit
ingestd audit --channel news
ingestd audit --limit 200 --before 1234
ingestd audit --json | jq -r '.entries[] | select(.action == "key.create") | .who'
"""


def register(commands: Commands) -> None:
    """Add the command to the command line."""
    command = add(
        commands,
        "audit",
        _audit,
        "who did what, when, and from where; the newest first",
        _EXAMPLES,
        "Keys, tokens and passwords are never in it; a key is named by its id.\n",
    )
    command.add_argument(
        "--limit",
        metavar="N",
        type=_count,
        default=_LIMIT,
        help=f"at most so many entries (default: {_LIMIT})",
    )
    command.add_argument("--before", metavar="ID", type=_count, help="only what is older than this entry")
    command.add_argument("--channel", metavar="NAME", help="only what was done to this channel")
    command.add_argument("--json", action="store_true", help="print JSON")


def _count(text: str) -> int:
    count = int(text)  # argparse says what a ValueError means
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return count


async def _audit(accounts: Accounts, arguments: argparse.Namespace) -> None:
    subject = f"channel:{arguments.channel}" if arguments.channel else None
    entries = await accounts.audit.list(arguments.limit, arguments.before, subject)
    if arguments.json:
        show.as_json({"entries": [_view(entry) for entry in entries]})
    else:
        headings = ("ID", "TIME", "WHO", "ACTION", "SUBJECT", "FROM", "DETAIL")
        show.table(headings, [_row(entry) for entry in entries])


def _row(entry: Entry) -> tuple[str, ...]:
    number, at = str(entry.id), show.moment(entry.at)
    return number, at, entry.who, entry.action, entry.subject, entry.address, entry.detail


def _view(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": show.iso(entry.at),
        "who": entry.who,
        "action": entry.action,
        "subject": entry.subject,
        "address": entry.address,
        "detail": entry.detail,
    }
