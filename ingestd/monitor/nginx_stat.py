"""nginx-rtmp's statistics, read from the XML of its ``/stat``. Pure.

What comes may be anything: garbage, half of it, far too much. Clients choose a part of it (their
"flash version"), and not all that they may choose can stand in XML.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

LARGEST = 4 << 20  # bytes; a thousand clients take a tenth of it

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DIGITS = 18
_RELAYED = re.compile(r"(.+)-[0-9a-f]{16}")  # in "live", a publisher's stream: of its channel, and chance
_ENCODED = re.compile(
    r"([0-9a-f]+)-\d+-(\w+)"
)  # in "renditions" and "sound": broadcast, generation, rendition


@dataclass(frozen=True, slots=True)
class RtmpClient:
    """Milliseconds connected, frames dropped."""

    id: int
    address: str
    time: int
    dropped: int
    publishing: bool


@dataclass(frozen=True, slots=True)
class RtmpStream:
    """Bytes, and bits a second; milliseconds since it began."""

    application: str
    name: str
    time: int
    bytes_in: int
    bytes_out: int
    bandwidth_in: int
    bandwidth_out: int
    publishing: bool
    clients: tuple[RtmpClient, ...]


@dataclass(frozen=True, slots=True)
class Stat:
    """All of nginx-rtmp: seconds since it began, connections taken, bytes, bits a second."""

    nginx_version: str
    uptime: int
    accepted: int
    bytes_in: int
    bytes_out: int
    bandwidth_in: int
    bandwidth_out: int
    streams: tuple[RtmpStream, ...]

    @property
    def clients(self) -> int:
        return sum(len(stream.clients) for stream in self.streams)


class Unreadable(ValueError):
    """It is not what nginx-rtmp answers with; the words say why."""


def parse(data: bytes) -> Stat:
    """Raises :class:`Unreadable` and nothing else."""
    if len(data) > LARGEST:
        raise Unreadable(f"it is larger than {LARGEST >> 20} MiB")
    text = _NOT_XML.sub("", data.decode("utf-8", "replace"))
    if "<!" in text:  # no entities, nor anything else that nginx does not write
        raise Unreadable("it holds a document type or a comment")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise Unreadable(f"it is not XML: {error}") from None
    if root.tag != "rtmp":
        raise Unreadable("it is not that of nginx-rtmp")
    return Stat(
        nginx_version=_words(root, "nginx_version"),
        uptime=_number(root, "uptime"),
        accepted=_number(root, "naccepted"),
        **_flow(root),
        streams=tuple(
            _stream(_words(application, "name"), stream)
            for application in root.findall("server/application")
            for stream in application.findall("live/stream")
        ),
    )


def _stream(application: str, stream: Element) -> RtmpStream:
    return RtmpStream(
        application=application,
        name=_words(stream, "name"),
        time=_number(stream, "time"),
        **_flow(stream),
        publishing=stream.find("publishing") is not None,
        clients=tuple(_client(client) for client in stream.findall("client")),
    )


def _client(client: Element) -> RtmpClient:
    return RtmpClient(
        id=_number(client, "id"),
        address=_words(client, "address"),
        time=_number(client, "time"),
        dropped=_number(client, "dropped"),
        publishing=client.find("publishing") is not None,
    )


def _flow(element: Element) -> dict[str, int]:
    return {
        "bytes_in": _number(element, "bytes_in"),
        "bytes_out": _number(element, "bytes_out"),
        "bandwidth_in": _number(element, "bw_in"),
        "bandwidth_out": _number(element, "bw_out"),
    }


def _words(element: Element, name: str) -> str:
    return (element.findtext(name) or "").strip()[:200]


def _number(element: Element, name: str) -> int:
    """0 where there is none, or where it is none."""
    words = _words(element, name)
    return int(words) if words.isascii() and words.isdigit() and len(words) <= _DIGITS else 0


def subject(stream: RtmpStream, channel_of: Callable[[str], str]) -> tuple[str, str]:
    """Channel and rendition of a stream, "" for what is not known. A publisher's has no rendition.

    The application tells which it is; the name does not, for a channel may be called anything.
    """
    if stream.application in ("renditions", "sound"):
        encoded = _ENCODED.fullmatch(stream.name)
        return (channel_of(encoded[1]), encoded[2]) if encoded else ("", "")
    relayed = _RELAYED.fullmatch(stream.name)
    return (relayed[1] if relayed else "", "")


@dataclass(frozen=True, slots=True)
class Flow:
    """What goes on for one channel and rendition, whatever its streams are called; bits a second.

    ``rendition`` is empty for what a publisher sends.
    """

    channel: str
    rendition: str
    clients: int
    bandwidth_in: int
    bandwidth_out: int


def flows(stat: Stat, channel_of: Callable[[str], str]) -> list[Flow]:
    """Streams of one channel and rendition are added up: those of several generations, that is.

    ``channel_of`` tells the channel of a broadcast; "" for one that it does not know.
    """
    found: dict[tuple[str, str], Flow] = {}
    for stream in stat.streams:
        key = subject(stream, channel_of)
        if not key[0]:
            continue
        was = found.get(key) or Flow(*key, 0, 0, 0)
        found[key] = Flow(
            *key,
            was.clients + len(stream.clients),
            was.bandwidth_in + stream.bandwidth_in,
            was.bandwidth_out + stream.bandwidth_out,
        )
    return list(found.values())
