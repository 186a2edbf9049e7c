"""Which pages may talk to us: one check for ``/ws`` and for the API's unsafe requests.

A browser names the page's origin and no script can change that; a program names none, and needs
no protection from itself. So a foreign origin is refused, and none at all is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from ingestd.errors import Code, Refusal

_PORTS = {"http": 80, "https": 443}
_SECURE = ("https", "wss")

FOREIGN = Refusal(
    Code.FORBIDDEN,
    "This comes from a page of another site. Its origin has to be added to http.origins to be let in.",
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What the web calls an origin (RFC 6454), with the port spelled out."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin | None:
        """The origin of an URL, or None for anything that is no http(s) URL (``null``, for one)."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return None
        if parts.scheme not in _PORTS or not parts.hostname:
            return None
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme])


class Origins:
    """The origins that are ours: whatever address we are asked at, and those of the settings."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self.urls = tuple(allowed)
        self.allowed = frozenset(origin for url in self.urls if (origin := Origin.of(url)))

    def refusal(self, connection: HTTPConnection) -> Refusal | None:
        """Why a page may not ask this; None where no origin is named."""
        named = connection.headers.get("origin")
        return None if named is None or self.ours(connection, named) else FOREIGN

    def ours(self, connection: HTTPConnection, url: str) -> bool:
        """Whether a page at ``url`` is one of ours, seen from the address that was asked.

        The scheme of that address is known for certain only when it is https (a proxy that is not
        trusted may have ended TLS before us): then a page that came without TLS is not ours.
        """
        origin = Origin.of(url)
        if origin is None:
            return False
        if origin in self.allowed:
            return True
        if connection.url.scheme in _SECURE and origin.scheme != "https":
            return False
        return origin == Origin.of(f"{origin.scheme}://{connection.headers.get('host', '')}")
