"""Who is connected to a broadcast by WebRTC."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """A publisher's. ``state``: ``connecting``, ``sending``, or ``silent`` (its media have ceased to come);
    ``way``: the type of the ICE candidate by which it is reached, empty: not known yet."""

    state: str
    way: str


@dataclass(frozen=True, slots=True)
class Peers:
    """Viewers that are connected, and the publisher; None: it comes by another way."""

    viewers: int = 0
    publisher: Link | None = None
