"""What the rest of the project knows of people and channels: plain values, no database.

Times are Unix seconds. An id is 16 hexadecimal digits. A channel is known by its slug everywhere
outside of the database; the slug never changes, so no viewer's URL ever does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
"""A channel's name, and a user's: the one place that says which may stand in a path."""

PICTURE = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}-(?P<width>[1-9][0-9]{0,3})x(?P<height>[1-9][0-9]{0,3})\.jpg")
"""The name of a channel's picture: of which channel, which picture, and how large."""


class Role(StrEnum):
    """What a user may do: everything, or what concerns the channels that are theirs."""

    ADMIN = "admin"
    BROADCASTER = "broadcaster"


class Scope(StrEnum):
    """What a token is for."""

    PUBLISH = "publish"
    WATCH = "watch"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    id: str
    name: str
    role: Role
    created_at: float
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What is to come on a channel, as whoever manages it has said; ``at`` None: not known when."""

    at: float | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """A public place. ``owner`` and ``publishers`` are ids of users; admins may publish everywhere.

    A name is free again when its channel is deleted: ``id`` and ``created_at`` tell two of one name apart.
    ``picture`` is the name of its picture's file (:data:`PICTURE`), "" while there is none. ``embed_sites``:
    on whose pages its player may stand (``*``: all).
    """

    id: str
    name: str
    title: str
    description: str = ""
    owner: str | None = None
    private: bool = False
    record: bool = False
    publishers: tuple[str, ...] = ()
    created_at: float = 0.0
    picture: str = ""
    next: Upcoming = Upcoming()
    embed_sites: tuple[str, ...] = ()
    last_live_at: float | None = None


@dataclass(frozen=True, slots=True)
class StreamKey:
    """All of a stream key but the key: that is shown once, and stored as a digest."""

    id: str
    channel: str
    label: str
    created_at: float
    last_used_at: float | None = None
    last_used_from: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which somebody is signed in. ``device``: what its User-Agent says, in words."""

    id: str
    user: str
    device: str
    address: str
    created_at: float
    last_used_at: float


@dataclass(frozen=True, slots=True)
class Claims:
    """What a genuine token says. ``user`` is an id of ours, or None; ``channel`` None: every one."""

    scope: Scope
    channel: str | None
    user: str | None
    id: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Target:
    """Another place to which a channel is pushed; its key is told by :meth:`Targets.secret` alone.

    ``revision`` is another one once the key was set again, and tells nothing of it.
    """

    id: str
    channel: str
    url: str
    rendition: str
    created_at: float
    enabled: bool = True
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the audit log. ``subject``: ``channel:NAME``, ``user:NAME``, or ``token:ID`` for a token
    of no channel."""

    id: int
    at: float
    who: str
    action: str
    subject: str
    address: str
    detail: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, for rights and for the audit log.

    ``user`` None is the command line, the server itself or an admin's token: everything is allowed.
    ``label`` says by which means: ``cli``, ``session`` or ``token ID``.
    """

    user: User | None
    address: str
    label: str

    @property
    def who(self) -> str:
        """As the audit log names them."""
        if self.user is None:
            return self.label
        return self.user.name if self.label == "session" else f"{self.user.name} ({self.label})"
