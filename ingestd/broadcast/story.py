"""What happened to one broadcast and when, for whoever asks afterwards: bounded, and pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingestd.broadcast.lifecycle import FINAL, Event, State

_TURNS = 200
_VISITS = 50


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that happened at ``at`` (Unix time), the state after it, and that state in plain words."""

    at: float
    event: str
    state: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Interruption:
    """From ``since`` (Unix time), for so many ``seconds``, nothing new came into the playlist.

    ``publisher``: because its connection was away; else the encoder had to be replaced.
    """

    since: float
    seconds: float
    publisher: bool


_WELL = {State.LIVE, State.ENDING, *FINAL}
_PLANNED = {Event.TOO_SLOW, Event.CLIMB}  # the encoder is replaced by one with other renditions


def interruptions(turns: Iterable[Turn], now: float) -> list[Interruption]:
    """What the turns of a broadcast say of its interruptions, oldest first. The start is none; one that
    goes on still counts until ``now``."""
    found: list[Interruption] = []
    began: float | None = None
    live = publisher = False
    for turn in turns:
        state = State(turn.state)
        if state in _WELL:
            if began is not None:
                found.append(Interruption(began, turn.at - began, publisher))
            began, publisher, live = None, False, True
        elif began is None and state is State.STARTING and (not live or turn.event in _PLANNED):
            continue
        else:
            began = turn.at if began is None else began
            publisher = publisher or state is State.INTERRUPTED
    if began is not None:
        found.append(Interruption(began, max(0.0, now - began), publisher))
    return found


@dataclass(slots=True)
class Visit:
    """One connection of a publisher, from its admission (``since``, Unix time) to its end.

    ``resumed_at``: the byte of ``epoch`` from which it was asked to send; None: it began anew.
    """

    since: float
    way: str = ""  # websocket, rtmp or whip
    address: str = ""
    until: float | None = None
    received: int = 0  # bytes
    epoch: int = 0
    resumed_at: int | None = None
    close_code: int | None = None  # of a WebSocket
    reason: str = ""  # why we ended it


@dataclass(frozen=True, slots=True)
class Story:
    """The last turns and visits, oldest first."""

    turns: deque[Turn] = field(default_factory=lambda: deque(maxlen=_TURNS))
    visits: deque[Visit] = field(default_factory=lambda: deque(maxlen=_VISITS))
