"""``ingestd user``: people, what they may do, and their passwords."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ingestd.accounts.model import Role, Session, User
from ingestd.cli import show
from ingestd.cli.installation import CLI, Commands, Group, say, user_named
from ingestd.cli.password import add_password, new_password
from ingestd.errors import Code, Refusal, Refused

if TYPE_CHECKING:
    from ingestd.accounts.accounts import Accounts

_DESCRIPTION = """\
People who can sign in. A broadcaster may publish to the channels they own or are allowed at, and
manage those they own; an admin may do everything.
"""

_PASSWORD = """\
The password is asked for twice at the terminal, or read from stdin with --password-stdin; it is
never an argument, since every user of this machine can read those.
"""


def register(commands: Commands) -> None:
    """Add the commands to the command line."""
    group = Group(
        commands, "user", "people: list, create, password, role, sessions, disable, delete", _DESCRIPTION
    )
    listing = group.add(
        "list", _list, "list everybody", "ingestd user list\ningestd user list --json | jq -r '.users[].name'"
    )
    listing.add_argument("--json", action="store_true", help="print JSON")
    create = group.add(
        "create",
        _create,
        "add somebody",
        "ingestd user create alice\n"
        "ingestd user create bob --role admin\n"
        "pass show tv/alice | ingestd user create alice --password-stdin",
        _PASSWORD,
    )
    _add_name(create)
    create.add_argument(
        "--role",
        choices=[role.value for role in Role],
        default=Role.BROADCASTER.value,
        help="what they may do (default: broadcaster)",
    )
    add_password(create)
    password = group.add(
        "password",
        _password,
        "give somebody a new password",
        "ingestd user password alice\npass show tv/alice | ingestd user password alice --password-stdin",
        _PASSWORD + "It ends every session of theirs.\n",
    )
    _add_name(password)
    add_password(password)
    _register_sessions(group)
    _register_changes(group)


def _register_sessions(group: Group) -> None:
    sessions = group.add(
        "sessions", _sessions, "list where somebody is signed in", "ingestd user sessions alice"
    )
    _add_name(sessions)
    sessions.add_argument("--json", action="store_true", help="print JSON")
    leave = group.add(
        "sign-out",
        _sign_out,
        "end somebody's sessions, all of them or one",
        "ingestd user sign-out alice\ningestd user sign-out alice --session 0123456789abcdef",
        "They can sign in again: 'ingestd user password' and 'ingestd user disable' prevent that, and end\n"
        "sessions, too.\n",
    )
    _add_name(leave)
    leave.add_argument("--session", metavar="ID", help="this one alone, by its id in 'ingestd user sessions'")


def _register_changes(group: Group) -> None:
    role = group.add("role", _role, "change what somebody may do", "ingestd user role alice admin")
    _add_name(role)
    role.add_argument("role", choices=[role.value for role in Role], help="admin or broadcaster")
    disable = group.add(
        "disable",
        _disable,
        "keep somebody out, for now",
        "ingestd user disable alice\ningestd user enable alice",
        "Their sessions end, and so does what they publish with a token of their own. Nothing of theirs\n"
        "is deleted. A channel's stream keys belong to the channel: 'ingestd key revoke' ends those.\n",
    )
    _add_name(disable)
    _add_name(group.add("enable", _enable, "let somebody in again", "ingestd user enable alice"))
    delete = group.add(
        "delete",
        _delete,
        "delete somebody, for good",
        "ingestd user delete alice",
        "Their channels stay, without an owner.\n",
    )
    _add_name(delete)


def _add_name(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="the user")


async def _list(accounts: Accounts, arguments: argparse.Namespace) -> None:
    users = await accounts.users.list()
    if arguments.json:
        show.as_json({"users": [_view(user) for user in users]})
    else:
        headings = ("NAME", "ROLE", "STATE", "CREATED")
        show.table(headings, [_row(user) for user in users])


def _row(user: User) -> tuple[str, str, str, str]:
    return user.name, user.role, "disabled" if user.disabled else "enabled", show.moment(user.created_at)


def _view(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "disabled": user.disabled,
        "created_at": show.iso(user.created_at),
    }


async def _create(accounts: Accounts, arguments: argparse.Namespace) -> None:
    name = arguments.name
    if await accounts.users.get(name):  # said before a password is thought out
        raise Refused(Refusal(Code.EXISTS, f"There is a user {name} already."))
    await accounts.users.create(CLI, name, new_password(arguments, name), Role(arguments.role))
    say(f"{name} can sign in now, as {arguments.role}.")


async def _password(accounts: Accounts, arguments: argparse.Namespace) -> None:
    user = await user_named(accounts, arguments.name)
    await accounts.users.set_password(CLI, user.name, new_password(arguments, user.name))
    say(f"{user.name} has a new password; their sessions have ended.")


async def _sessions(accounts: Accounts, arguments: argparse.Namespace) -> None:
    found = await accounts.sessions.of((await user_named(accounts, arguments.name)).id)
    if arguments.json:
        show.as_json({"sessions": [_session_view(one) for one in found]})
        return
    headings = ("SESSION", "DEVICE", "FROM", "SINCE", "LAST USED")
    times = [(show.moment(one.created_at), show.moment(one.last_used_at)) for one in found]
    rows = [(one.id, one.device, one.address, *both) for one, both in zip(found, times, strict=True)]
    show.table(headings, rows)


def _session_view(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "device": session.device,
        "address": session.address,
        "created_at": show.iso(session.created_at),
        "last_used_at": show.iso(session.last_used_at),
    }


async def _sign_out(accounts: Accounts, arguments: argparse.Namespace) -> None:
    user = await user_named(accounts, arguments.name)
    if arguments.session is None:
        await accounts.sessions.close_all(CLI, user.id)
        say(f"{user.name} is signed out everywhere.")
        return
    if arguments.session not in [one.id for one in await accounts.sessions.of(user.id)]:
        raise Refused(Refusal(Code.NOT_FOUND, f"{user.name} has no session {arguments.session}."))
    await accounts.sessions.close(CLI, arguments.session)
    say(f"{user.name} is signed out there.")


async def _role(accounts: Accounts, arguments: argparse.Namespace) -> None:
    await accounts.users.set_role(CLI, arguments.name, Role(arguments.role))
    say(f"{arguments.name} is {arguments.role} now.")


async def _disable(accounts: Accounts, arguments: argparse.Namespace) -> None:
    await accounts.users.set_disabled(CLI, arguments.name, True)
    say(f"{arguments.name} is disabled.")


async def _enable(accounts: Accounts, arguments: argparse.Namespace) -> None:
    await accounts.users.set_disabled(CLI, arguments.name, False)
    say(f"{arguments.name} is enabled.")


async def _delete(accounts: Accounts, arguments: argparse.Namespace) -> None:
    await accounts.users.delete(CLI, arguments.name)
    say(f"{arguments.name} is deleted.")
