"""``ingestd key``: the secrets with which encoders publish to a channel."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ingestd.accounts.model import StreamKey
from ingestd.cli import show
from ingestd.cli.installation import CLI, Commands, Group, say

if TYPE_CHECKING:
    from ingestd.accounts.accounts import Accounts

_DESCRIPTION = """\
Stream keys: the secrets with which encoders publish to a channel. A channel may have several, one for
each encoder. A key is shown once, when it is made; what is kept cannot be turned back into it.
"""

_ALONE = "The key is all that goes to stdout.\n"


def register(commands: Commands) -> None:
    """Add the commands to the command line."""
    group = Group(commands, "key", "stream keys: list, create, revoke, regenerate", _DESCRIPTION)
    listing = group.add("list", _list, "list a channel's keys by their ids", "ingestd key list demo")
    listing.add_argument("channel", metavar="CHANNEL", help="the channel's name")
    listing.add_argument("--json", action="store_true", help="print JSON")
    create = group.add(
        "create",
        _create,
        "make a new key for a channel",
        "ingestd key create demo\nKEY=$(ingestd key create demo --label obs)",
        _ALONE,
    )
    create.add_argument("channel", metavar="CHANNEL", help="the channel's name")
    create.add_argument("--label", metavar="L", default="", help="which encoder it is for, in your words")
    regenerate = group.add(
        "regenerate",
        _regenerate,
        "replace a key by a new one",
        "KEY=$(ingestd key regenerate 0123456789abcdef)",
        _ALONE
        + "Whoever publishes with the old one is cut off within a second; no viewer's address changes.\n",
    )
    revoke = group.add(
        "revoke",
        _revoke,
        "make a key worthless",
        "ingestd key revoke 0123456789abcdef",
        "Whoever publishes with it is cut off within a second.\n",
    )
    for command in (regenerate, revoke):
        command.add_argument("id", metavar="ID", help="the key's id: 'ingestd key list' tells")


def key_rows(keys: Sequence[StreamKey]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Headings and rows of a table."""
    headings = ("KEY ID", "LABEL", "CREATED", "LAST USED", "FROM")
    return headings, [
        (
            key.id,
            key.label,
            show.moment(key.created_at),
            show.moment(key.last_used_at),
            key.last_used_from or "",
        )
        for key in keys
    ]


def key_views(keys: Sequence[StreamKey]) -> dict[str, Any]:
    return {
        "keys": [
            {
                "id": key.id,
                "label": key.label,
                "created_at": show.iso(key.created_at),
                "last_used_at": show.iso(key.last_used_at),
                "last_used_from": key.last_used_from,
            }
            for key in keys
        ]
    }


async def _list(accounts: Accounts, arguments: argparse.Namespace) -> None:
    keys = await accounts.keys.list(arguments.channel)
    if arguments.json:
        show.as_json(key_views(keys))
    else:
        show.table(*key_rows(keys))


async def _create(accounts: Accounts, arguments: argparse.Namespace) -> None:
    _tell(*await accounts.keys.create(CLI, arguments.channel, arguments.label))


async def _regenerate(accounts: Accounts, arguments: argparse.Namespace) -> None:
    _tell(*await accounts.keys.regenerate(CLI, arguments.id))


async def _revoke(accounts: Accounts, arguments: argparse.Namespace) -> None:
    await accounts.keys.revoke(CLI, arguments.id)
    say(f"Key {arguments.id} is worthless now.")


def _tell(secret: str, key: StreamKey) -> None:
    say(f"Key {key.id} of channel {key.channel}. It is shown this once:")
    print(secret)
