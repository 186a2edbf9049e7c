"""``ingestd target``: other places to which a channel is pushed."""

from __future__ import annotations

import argparse
import sys
from getpass import getpass
from typing import TYPE_CHECKING, Any

from ingestd.accounts.model import Target
from ingestd.cli import show
from ingestd.cli.installation import CLI, Commands, Group, say
from ingestd.cli.options import settings_of
from ingestd.errors import Code, IngestdError, Refusal, Refused
from ingestd.push import allowed
from ingestd.push.lookup import Lookups, own_addresses

if TYPE_CHECKING:
    from ingestd.accounts.accounts import Accounts

_DESCRIPTION = """\
Other places to which a channel is pushed while it is live: YouTube, Twitch, another ingestd, any RTMP
server. How each push goes stands on the channel's page of settings, and in the API.
"""
_KEY = """\
The key is asked for at the terminal, or read from stdin: an argument would stand in the list of
processes. It is kept encrypted, and never shown again.
"""
_RENDITION = "720p"


def register(commands: Commands) -> None:
    """Add the commands to the command line."""
    group = Group(commands, "target", "places to push to: list, add, set, remove", _DESCRIPTION)
    listing = group.add("list", _list, "list a channel's places by their ids", "ingestd target list demo")
    listing.add_argument("--json", action="store_true", help="print JSON")
    adding = group.add(
        "add",
        _add,
        "push a channel to another place",
        "ingestd target add demo rtmp://live.twitch.tv/app\n"
        "ingestd target add demo rtmps://a.rtmps.youtube.com/live2 --rendition 480p --key-stdin < key",
        _KEY,
    )
    changing = group.add(
        "set",
        _set,
        "change a place",
        "ingestd target set demo 0123456789abcdef --key\n"
        "ingestd target set demo 0123456789abcdef --rendition 480p\n"
        "ingestd target set demo 0123456789abcdef --off",
        _KEY + "Another address needs its key again. A push under way begins anew.\n",
    )
    removing = group.add(
        "remove",
        _remove,
        "push there no more, and forget the key",
        "ingestd target remove demo 0123456789abcdef",
    )
    for command in (listing, adding, changing, removing):
        command.add_argument("channel", metavar="CHANNEL", help="the channel's name")
    for command in (changing, removing):
        command.add_argument("id", metavar="ID", help="the place's id: 'ingestd target list' tells")
    adding.add_argument(
        "url", metavar="URL", help="rtmp:// or rtmps://, host and application, without the key"
    )
    adding.add_argument(
        "--rendition",
        metavar="R",
        default=_RENDITION,
        help=f"which one is sent; the best, if there is none of that name (default: {_RENDITION})",
    )
    changing.add_argument("--url", metavar="URL", help="another address")
    changing.add_argument("--rendition", metavar="R", help="another rendition")
    changing.add_argument("--key", action="store_true", help="another key: asked for at the terminal")
    switch = changing.add_mutually_exclusive_group()
    switch.add_argument("--on", action="store_true", dest="enabled", default=None, help="push there")
    switch.add_argument("--off", action="store_false", dest="enabled", help="do not push there for now")
    for command in (adding, changing):
        command.add_argument("--key-stdin", action="store_true", help="read the key from stdin (one line)")


async def _list(accounts: Accounts, arguments: argparse.Namespace) -> None:
    targets = await accounts.targets.list(arguments.channel)
    if arguments.json:
        show.as_json({"targets": [_view(target) for target in targets]})
    else:
        headings = ("ID", "ADDRESS", "RENDITION", "PUSHED", "CREATED")
        show.table(headings, [_row(target) for target in targets])


def _row(target: Target) -> tuple[str, ...]:
    pushed = "yes" if target.enabled else "no"
    return target.id, target.url, target.rendition, pushed, show.moment(target.created_at)


def _view(target: Target) -> dict[str, Any]:
    return {
        "id": target.id,
        "url": target.url,
        "rendition": target.rendition,
        "enabled": target.enabled,
        "created_at": show.iso(target.created_at),
    }


async def _add(accounts: Accounts, arguments: argparse.Namespace) -> None:
    await accounts.targets.list(arguments.channel)  # nobody is asked for a key before there is the channel
    await _check(arguments)
    key = _read_key(arguments)
    made = await accounts.targets.create(CLI, arguments.channel, arguments.url, key, arguments.rendition)
    say(f"Channel {arguments.channel} is pushed to {show.plain(made.url)}, as {made.id}.")


async def _set(accounts: Accounts, arguments: argparse.Namespace) -> None:
    found = await _own(accounts, arguments)
    values = {"url": arguments.url, "rendition": arguments.rendition, "enabled": arguments.enabled}
    if arguments.url:
        await _check(arguments)
    elsewhere = arguments.url is not None and arguments.url != found.url
    if arguments.key or arguments.key_stdin or elsewhere:
        values["key"] = _read_key(arguments)
    changes = {name: value for name, value in values.items() if value is not None}
    if not changes:
        raise IngestdError("There is nothing to change: say --url, --key, --rendition, --on or --off.")
    await accounts.targets.update(CLI, found.id, **changes)
    say(f"Target {found.id} is changed.")


async def _remove(accounts: Accounts, arguments: argparse.Namespace) -> None:
    found = await _own(accounts, arguments)
    await accounts.targets.delete(CLI, found.id)
    say(f"Channel {arguments.channel} is no longer pushed to {show.plain(found.url)}.")


async def _own(accounts: Accounts, arguments: argparse.Namespace) -> Target:
    """Raises Refused unless the target is this channel's: a slip must not touch another's."""
    for one in await accounts.targets.list(arguments.channel):
        if one.id == arguments.id:
            return one
    raise Refused(Refusal(Code.NOT_FOUND, f"The channel {arguments.channel} has no target {arguments.id!r}."))


async def _check(arguments: argparse.Namespace) -> None:
    """Raises Refused for an address to which the server would not push."""
    allow = settings_of(arguments).push.allow
    await allowed.check(arguments.url, allow, Lookups().of(""), own_addresses)


def _read_key(arguments: argparse.Namespace) -> str:
    if arguments.key_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise IngestdError("There is no terminal to ask for the key: give it with --key-stdin.")
    try:
        return getpass("Stream key there: ")
    except EOFError:
        raise IngestdError("No key was given.") from None
