"""What ``ingestd channel set`` says of a channel's page: its picture, what is to come, who may embed it."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestd.accounts.model import Channel, Upcoming
from ingestd.cli import show
from ingestd.cli.installation import CLI, data_of
from ingestd.cli.options import settings_of
from ingestd.errors import IngestdError

if TYPE_CHECKING:
    from ingestd.accounts.accounts import Accounts

FLAGS = "--picture, --no-picture, --next-at, --next-title, --no-next, --embed, --no-embed"


def add_page(command: argparse.ArgumentParser) -> None:
    """Add the flags."""
    picture = command.add_mutually_exclusive_group()
    picture.add_argument(
        "--picture", metavar="FILE", type=Path, help="its picture: a JPEG, PNG or WebP of up to 2 MB"
    )
    picture.add_argument("--no-picture", action="store_true", help="it shows no picture")
    command.add_argument(
        "--next-at", metavar="TIME", type=_moment, help="when something is to come: '2026-12-24 18:00', here"
    )
    command.add_argument("--next-title", metavar="T", help="what is to come")
    command.add_argument("--no-next", action="store_true", help="nothing is announced")
    embed = command.add_mutually_exclusive_group()
    embed.add_argument(
        "--embed", metavar="SITE", action="append", help="only these may embed it: https://…, or '*' for all"
    )
    embed.add_argument("--no-embed", action="store_true", help="no other site may embed it")


def _moment(text: str) -> float:
    """Local time, unless it names its zone."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as '2026-12-24 18:00'") from None


def changes(channel: Channel, arguments: argparse.Namespace) -> dict[str, Any]:
    """What is wanted of it, as :meth:`Channels.update` takes it."""
    found: dict[str, Any] = {}
    if arguments.no_next:
        found["upcoming"] = Upcoming()
    elif (arguments.next_at, arguments.next_title) != (None, None):
        at = channel.next.at if arguments.next_at is None else arguments.next_at
        title = channel.next.title if arguments.next_title is None else arguments.next_title
        found["upcoming"] = Upcoming(at, title)
    if arguments.embed or arguments.no_embed:
        found["embed_sites"] = arguments.embed or []
    return found


def pictured(arguments: argparse.Namespace) -> bool:
    """Whether the picture is to change."""
    return bool(arguments.picture or arguments.no_picture)


async def set_picture(accounts: Accounts, channel: Channel, arguments: argparse.Namespace) -> None:
    """The file named, made fit to be shown; or none."""
    from ingestd.delivery.pictures import MOST_BYTES, Pictures

    name = ""
    if arguments.picture:
        try:
            with arguments.picture.open("rb") as file:
                sent = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise IngestdError(f"{arguments.picture} cannot be read: {error.strerror}.") from None
        settings = settings_of(arguments)
        name = await Pictures(data_of(settings), settings.encoder.ffmpeg).store(channel, sent)
    await accounts.channels.set_picture(CLI, channel.name, name)


def page_facts(channel: Channel) -> list[tuple[str, str]]:
    """For people."""
    coming = " ".join(filter(None, (show.moment(channel.next.at), channel.next.title)))
    return [
        ("Picture", "yes" if channel.picture else "no"),
        ("Next", coming),
        ("Embedded by", " ".join(channel.embed_sites)),
        ("Last live", show.moment(channel.last_live_at)),
    ]


def page_view(channel: Channel) -> dict[str, Any]:
    """For programs."""
    return {
        "picture": bool(channel.picture),
        "next_at": show.iso(channel.next.at),
        "next_title": channel.next.title,
        "embed_sites": list(channel.embed_sites),
        "last_live_at": show.iso(channel.last_live_at),
    }
