"""``ingestd channel``: the places that viewers watch, and who may publish there."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ingestd.accounts.model import Channel
from ingestd.cli import channel_page, show
from ingestd.cli.installation import CLI, Commands, Group, say, user_named
from ingestd.cli.keys import key_rows, key_views
from ingestd.errors import Code, IngestdError, Refusal, Refused

if TYPE_CHECKING:
    from ingestd.accounts.accounts import Accounts

_DESCRIPTION = """\
The places that viewers watch. A channel's name stands in its addresses and never changes; it is no
secret. Secret are its stream keys: 'ingestd key'.
"""

_CHANGES = ("title", "description", "private", "record", "owner")


def register(commands: Commands) -> None:
    """Add the commands to the command line."""
    group = Group(commands, "channel", "channels: list, create, set, allow, delete", _DESCRIPTION)
    listing = group.add(
        "list",
        _list,
        "list all channels",
        "ingestd channel list\ningestd channel list --json | jq -r '.channels[].channel'",
    )
    listing.add_argument("--json", action="store_true", help="print JSON")
    one = group.add("show", _show, "all about one channel, but its keys", "ingestd channel show demo")
    _add_channel(one)
    one.add_argument("--json", action="store_true", help="print JSON")
    _register_changes(group)
    _register_rights(group)


def _register_changes(group: Group) -> None:
    create = group.add(
        "create",
        _create,
        "make a channel",
        "ingestd channel create news --title 'The news'\n"
        "ingestd channel create board --private && ingestd key create board --label OBS",
        "It has no stream key yet: 'ingestd key create' makes one.\n",
    )
    _add_channel(create)
    _add_changes(create)
    change = group.add(
        "set",
        _set,
        "change a channel",
        "ingestd channel set news --title 'Old news'\ningestd channel set news --private --no-record\n"
        "ingestd channel set news --picture desk.jpg --next-at '2026-12-24 18:00' --next-title 'Carols'\n"
        "ingestd channel set news --embed https://www.example.org",
        "Viewers of a private channel need a watch token: 'ingestd token create --scope watch'.\n",
    )
    _add_channel(change)
    _add_changes(change)
    channel_page.add_page(change)
    delete = group.add(
        "delete",
        _delete,
        "delete a channel with its stream keys, for good",
        "ingestd channel delete news",
        "Whoever is live there is cut off.\n",
    )
    _add_channel(delete)


def _register_rights(group: Group) -> None:
    allow = group.add(
        "allow",
        _allow,
        "let somebody publish to a channel",
        "ingestd channel allow news alice",
        "Its owner and every admin may anyway.\n",
    )
    forbid = group.add(
        "forbid",
        _forbid,
        "take that right from somebody",
        "ingestd channel forbid news alice",
        "If they know one of the channel's stream keys, revoke that, too: 'ingestd key revoke'.\n",
    )
    for command in (allow, forbid):
        _add_channel(command)
        command.add_argument("user", metavar="USER", help="the user's name")


def _add_channel(command: argparse.ArgumentParser) -> None:
    command.add_argument("channel", metavar="CHANNEL", help="the channel's name: a-z, 0-9 and -")


def _add_changes(command: argparse.ArgumentParser) -> None:
    command.add_argument("--title", metavar="T", help="what viewers see")
    command.add_argument("--description", metavar="T", help="what it is about")
    command.add_argument("--owner", metavar="USER", help="who manages it, besides the admins")
    access = command.add_mutually_exclusive_group()
    access.add_argument(
        "--private",
        action="store_true",
        default=None,
        help="only who may publish, and who has a token, may watch",
    )
    access.add_argument("--public", action="store_false", dest="private", help="everybody may watch")
    command.add_argument(
        "--record", action=argparse.BooleanOptionalAction, help="whether its broadcasts are kept"
    )


async def _list(accounts: Accounts, arguments: argparse.Namespace) -> None:
    channels = [accounts.directory.channels[name] for name in sorted(accounts.directory.channels)]
    if arguments.json:
        show.as_json({"channels": [_view(accounts, channel) for channel in channels]})
    else:
        headings = ("CHANNEL", "TITLE", "OWNER", "ACCESS", "RECORDED", "PUBLISHERS")
        show.table(headings, [_row(accounts, channel) for channel in channels])


async def _show(accounts: Accounts, arguments: argparse.Namespace) -> None:
    channel = channel_named(accounts, arguments.channel)
    keys = await accounts.keys.list(channel.name)
    if arguments.json:
        show.as_json(_view(accounts, channel) | key_views(keys))
        return
    name, title, owner, access, record, publishers = _row(accounts, channel)
    pairs = [("Channel", name), ("Title", title), ("Description", channel.description), ("Owner", owner)]
    pairs += [("Access", access), ("Recorded", record), ("Publishers", publishers)]
    show.facts([*pairs, *channel_page.page_facts(channel)])
    if keys:
        print()
        show.table(*key_rows(keys))


def channel_named(accounts: Accounts, name: str) -> Channel:
    """Raises Refused when there is none of that name."""
    found = accounts.directory.channels.get(name)
    if found is None:
        raise Refused(Refusal(Code.NO_SUCH_CHANNEL, f"There is no channel {name!r}."))
    return found


def _row(accounts: Accounts, channel: Channel) -> tuple[str, str, str, str, str, str]:
    return (
        channel.name,
        channel.title,
        _owner(accounts, channel) or "",
        "private" if channel.private else "public",
        "yes" if channel.record else "no",
        ", ".join(_publishers(accounts, channel)),
    )


def _view(accounts: Accounts, channel: Channel) -> dict[str, Any]:
    return {
        "channel": channel.name,
        "title": channel.title,
        "description": channel.description,
        "private": channel.private,
        "record": channel.record,
        "owner": _owner(accounts, channel),
        "publishers": _publishers(accounts, channel),
        **channel_page.page_view(channel),
    }


def _owner(accounts: Accounts, channel: Channel) -> str | None:
    user = accounts.directory.users.get(channel.owner or "")
    return user.name if user else None


def _publishers(accounts: Accounts, channel: Channel) -> list[str]:
    users = accounts.directory.users
    return sorted(users[user].name for user in channel.publishers if user in users)


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    values = {name: getattr(arguments, name) for name in _CHANGES}
    return {name: value for name, value in values.items() if value is not None}


async def _create(accounts: Accounts, arguments: argparse.Namespace) -> None:
    values: dict[str, Any] = {"title": arguments.channel} | _changes(arguments)
    owner = values.pop("owner", None)
    if owner:
        await user_named(accounts, owner)  # a slip there leaves no channel behind
    channel = await accounts.channels.create(CLI, arguments.channel, values.pop("title"), **values)
    if owner:
        await accounts.channels.update(CLI, channel.name, owner=owner)
    say(f"Channel {channel.name} is there. 'ingestd key create {channel.name}' makes its stream key.")


async def _set(accounts: Accounts, arguments: argparse.Namespace) -> None:
    channel = channel_named(accounts, arguments.channel)
    changes = _changes(arguments) | channel_page.changes(channel, arguments)
    if not changes and not channel_page.pictured(arguments):
        flags = "--title, --description, --owner, --private, --public, --record, --no-record"
        raise IngestdError(f"There is nothing to change: say {flags}, {channel_page.FLAGS}.")
    if channel_page.pictured(arguments):
        await channel_page.set_picture(accounts, channel, arguments)
    if changes:
        await accounts.channels.update(CLI, channel.name, **changes)
    say(f"Channel {arguments.channel} is changed.")


async def _delete(accounts: Accounts, arguments: argparse.Namespace) -> None:
    await accounts.channels.delete(CLI, arguments.channel)
    say(f"Channel {arguments.channel} is deleted.")


async def _allow(accounts: Accounts, arguments: argparse.Namespace) -> None:
    await accounts.channels.allow(CLI, arguments.channel, arguments.user)
    say(f"{arguments.user} may publish to {arguments.channel}.")


async def _forbid(accounts: Accounts, arguments: argparse.Namespace) -> None:
    await accounts.channels.forbid(CLI, arguments.channel, arguments.user)
    say(f"{arguments.user} may not publish to {arguments.channel} any more.")
