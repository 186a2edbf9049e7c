"""The commands that work on an installation's people, channels and keys: how they open it.

They go to the database themselves, whether or not the daemon runs; that looks for changes twice a
second. What other programs may want (a new key, a token, JSON) is all that goes to stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pwd
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ingestd import log
from ingestd.accounts.model import Actor, User
from ingestd.cli.options import add_settings, settings_of
from ingestd.errors import Code, Refusal, Refused, StartError
from ingestd.settings import Settings, default_data_dir

if TYPE_CHECKING:  # SQLAlchemy and all: imported by who opens them, not by who asks for help
    from ingestd.accounts.accounts import Accounts

Work: TypeAlias = "Callable[[Accounts, argparse.Namespace], Awaitable[None]]"
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

CLI = Actor(None, "", "cli")

_MADE = "storage.key"  # the first file of an installation, whatever database it has
_LOUD = "warning"  # what goes well is told in words of our own; and stdout stays clean of the log
_EXIT_CODES = """\
exit codes:
  0  done
  1  refused: there is no such thing, there is one already, or it cannot be done
  2  wrong usage, or an installation that cannot be opened
"""


class Group:
    """Commands with a first word in common: ``ingestd user list``."""

    def __init__(self, commands: Commands, name: str, summary: str, description: str) -> None:
        command = commands.add_parser(
            name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self._commands = command.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        self, name: str, work: Work, summary: str, examples: str, more: str = ""
    ) -> argparse.ArgumentParser:
        """One that does ``work``; what it takes is added to what is returned."""
        return add(self._commands, name, work, summary, examples, more)


def add(
    commands: Commands, name: str, work: Work, summary: str, examples: str, more: str = ""
) -> argparse.ArgumentParser:
    """A command that does ``work``; its help says ``summary``, then ``more``, then ``examples``."""
    description = f"{summary[0].upper()}{summary[1:]}.\n\n{more}".strip()
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"examples:\n{textwrap.indent(examples.strip(), '  ')}\n\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_settings(command, only=[("data", "dir")])
    command.set_defaults(run=lambda arguments: asyncio.run(_run(work, arguments)))
    return command


async def _run(work: Work, arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    log.configure(settings.log.style, _LOUD)
    async with opened(settings) as accounts:
        await work(accounts, arguments)
    return 0


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Accounts]:
    """The installation that the settings name; raises StartError where there is none, or not ours."""
    data = data_of(settings)
    check(data)
    from ingestd.accounts.accounts import Accounts

    accounts = await Accounts.open(settings, data, fill=False)
    try:
        yield accounts
    finally:
        await accounts.close()


def data_of(settings: Settings) -> Path:
    """The data directory."""
    return (settings.data.dir or default_data_dir()).absolute()


def check(data: Path) -> None:
    """A slip in the path must not make an installation, nor another user's files one that the daemon
    cannot read any more: root could write them, but SQLite's new ones would be root's."""
    try:
        check_owner(data)
        made = (data / _MADE).exists()
    except FileNotFoundError:
        raise _nothing_at(data) from None
    except OSError as error:
        raise StartError(f"The data directory {data} cannot be used: {error.strerror}.") from None
    if not made:
        raise _nothing_at(data)


def check_owner(data: Path) -> None:
    """Raises StartError for another user's directory, and OSError."""
    owner = data.stat().st_uid
    if owner != os.geteuid():
        name = _name(owner)
        words = f"The data directory {data} belongs to the user {name}: run this as {name}"
        raise StartError(f"{words}, for example with: sudo -u {name} ingestd …")


def _nothing_at(data: Path) -> StartError:
    words = f"There is no installation in {data}: 'ingestd up' makes one at its first start."
    return StartError(f"{words} --data-dir names another directory.")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


async def user_named(accounts: Accounts, name: str) -> User:
    """Raises Refused when there is nobody of that name."""
    found = await accounts.users.get(name)
    if found is None:
        raise Refused(Refusal(Code.NOT_FOUND, f"There is no user {name!r}."))
    return found


def say(words: str) -> None:
    """To the person, beside what goes to stdout."""
    print(words, file=sys.stderr)
