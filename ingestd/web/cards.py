"""What other sites show of a channel: one card, as tags in our pages (OpenGraph) and as oEmbed.

Only of public channels. A private one and one that there is not are told apart by nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from starlette.requests import Request

from ingestd.accounts.model import Channel
from ingestd.broadcast.broadcast import Broadcast
from ingestd.web.api.context import ApiContext
from ingestd.web.views import picture_path, poster_path

TAGS = "<!-- tags -->"
"""Where they belong in a built page (web/page.mjs)."""

_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
_SHORT = 300  # characters of a description; what shows cards shows less


@dataclass(frozen=True, slots=True)
class Image:
    """``url`` is absolute; pixels."""

    url: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Card:
    """A channel as others see it; ``base`` is our own address, without a slash at its end."""

    base: str
    channel: str
    name: str
    title: str
    description: str
    live: bool
    embeddable: bool
    image: Image | None

    @property
    def watch(self) -> str:
        return f"{self.base}/watch/{self.channel}"

    @property
    def page(self) -> str:
        return f"{self.base}/channels/{self.channel}"

    def iframe(self, width: int, height: int) -> str:
        """HTML that shows the player on another site's page."""
        return (
            f'<iframe src="{escape(f"{self.base}/embed/{self.channel}")}" width="{width}" height="{height}"'
            f' title="{escape(self.title)}" style="border:0" allow="autoplay; fullscreen; picture-in-picture"'
            " allowfullscreen></iframe>"
        )

    def tags(self, address: str) -> str:
        """Lines for the head of our page at ``address``."""
        facts = [
            ("og:site_name", "ingestd"),
            ("og:type", "video.other" if address == self.watch else "website"),
            ("og:url", address),
            ("og:title", self.title),
            ("og:description", self.description),
        ]
        if self.image:
            facts += [
                ("og:image", self.image.url),
                ("og:image:type", "image/jpeg"),
                ("og:image:width", str(self.image.width)),
                ("og:image:height", str(self.image.height)),
                ("og:image:alt", self.title),
            ]
        found = f"{self.base}/api/v1/oembed?{urlencode({'url': address, 'format': 'json'})}"
        more = f'type="application/json+oembed" href="{escape(found)}" title="{escape(self.title)}"'
        lines = [
            f'<meta name="description" content="{escape(self.description)}">',
            *(f'<meta property="{name}" content="{escape(value)}">' for name, value in facts),
            f'<meta name="twitter:card" content="{"summary_large_image" if self.image else "summary"}">',
            f'<link rel="canonical" href="{escape(address)}">',
            f'<link rel="alternate" {more}>',
        ]
        return "\n  ".join(lines)


def card(context: ApiContext, base: str, name: str) -> Card | None:
    """Of a public channel; None: nothing is told of it, or there is none."""
    channel = context.accounts.directory.channels.get(name)
    if channel is None or channel.private:
        return None
    newest = context.broadcasts.newest(name)
    on = newest if newest and newest.open else None
    return Card(
        base=base,
        channel=name,
        name=channel.title,
        title=(on.title if on else "") or channel.title,
        description=_words(channel, live=on is not None),
        live=on is not None,
        embeddable=bool(channel.embed_sites),
        image=_image(context, base, channel, newest),
    )


def base_of(request: Request) -> str:
    """Our address as whoever asks knows it: it goes into pages."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host if _HOST.fullmatch(host) else 'localhost'}"


def _words(channel: Channel, *, live: bool) -> str:
    words = " ".join(channel.description.split())
    if words:
        return words if len(words) <= _SHORT else f"{words[: _SHORT - 1].rstrip()}…"
    return f"{'Live now on' if live else 'The channel'} {channel.title}"


def _image(context: ApiContext, base: str, channel: Channel, newest: Broadcast | None) -> Image | None:
    """What is on now; else the channel's picture; else what was on last."""
    poster = _poster(base, newest) if newest else None
    if poster and newest and newest.open:
        return poster
    picture = context.pictures.of(channel)
    return Image(f"{base}{picture_path(channel)}", *picture.size) if picture else poster


def _poster(base: str, one: Broadcast) -> Image | None:
    path = poster_path(one)
    sizes = [listed.rendition for listed in one.delivery.listed if listed.rendition.video_bitrate]
    return Image(f"{base}{path}", sizes[-1].width, sizes[-1].height) if path and sizes else None
