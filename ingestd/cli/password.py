"""A new password, without it ever being an argument: those stand in the list of processes."""

from __future__ import annotations

import argparse
import sys
from getpass import getpass

from ingestd.errors import IngestdError


def add_password(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--password-stdin",
        action="store_true",
        help="read it from stdin (one line) instead of asking at the terminal",
    )


def new_password(arguments: argparse.Namespace, name: str) -> str:
    """Asked for twice at the terminal, or read from stdin."""
    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise IngestdError("There is no terminal to ask for a password: give it with --password-stdin.")
    try:
        password = getpass(f"New password for {name}: ")
        again = getpass("The same again: ")
    except EOFError:
        raise IngestdError("No password was given.") from None
    if password != again:
        raise IngestdError("The two passwords differ; nothing was changed.")
    return password
