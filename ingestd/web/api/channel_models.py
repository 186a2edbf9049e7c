"""Bodies and answers of ``/channels``: what a channel is, and what of it may be changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from ingestd.accounts.checks import SITES, TITLE
from ingestd.web.api.models import (
    PORT,
    PRINTABLE,
    Answer,
    Body,
    BroadcastView,
    Name,
    Rtmp,
    Text,
    Title,
    When,
)

_DAY = r"2[0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SITE = rf"^(?:\*|https?://(?:\*\.)?{_HOST}(?:\.{_HOST}){{0,20}}(?::{PORT})?/?)$"

Moment = Annotated[str, StringConstraints(pattern=rf"^{_DAY}T{_TIME}{_ZONE}$")]
Site = Annotated[str, StringConstraints(max_length=100, pattern=_SITE)]
NextTitle = Annotated[str, StringConstraints(max_length=TITLE, pattern=PRINTABLE)]


def unix(moment: str) -> float:
    """Of a :data:`Moment`. A day that a month does not have counts on into the next, as in browsers."""
    first = datetime.fromisoformat(f"{moment[:8]}01{moment[10:]}")
    return (first + timedelta(days=int(moment[8:10]) - 1)).timestamp()


class NewChannel(Body):
    name: Name
    title: Title
    description: Text = ""
    private: bool = False
    record: bool = False


class ChannelChange(Body):
    title: Title | None = None
    description: Text | None = None
    private: bool | None = None
    record: bool | None = None
    owner: Name | None = Field(None, description="A user's name; only an admin may hand a channel over.")
    next_at: Moment | None = Field(None, description="When something is to come; null: not known when.")
    next_title: NextTitle | None = None
    embed_sites: Annotated[list[Site], Field(max_length=SITES)] | None = Field(
        None, description="Origins whose pages may embed the player; `*`: all. Empty: none but our own."
    )


class Rights(Answer):
    publish: bool
    manage: bool


class ChannelView(Answer):
    """A channel and its newest broadcast; ``owner`` and ``rtmp`` are told to those who may publish there.

    ``viewers``: who watches now, live or a recording; null: nobody counts them. ``picture`` is a path on
    this server. ``next_at`` and ``next_title``: what is to come. ``last_live_at``: until when the last
    broadcast went that could be seen. ``embed_sites`` are told to those who manage the channel.
    """

    channel: str
    title: str
    description: str
    private: bool
    record: bool
    owner: str | None
    may: Rights
    rtmp: Rtmp | None
    viewers: int | None
    picture: str | None
    next_at: When | None
    next_title: str
    last_live_at: When | None
    embeddable: bool
    embed_sites: list[str] | None
    broadcast: BroadcastView | None


class ChannelList(Answer):
    channels: list[ChannelView]


class PublisherList(Answer):
    """Names of users. The owner and admins may publish anyway, and are not named for that."""

    publishers: list[str]
