"""The states of a push, the one table of their transitions, and what is shown of it. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from ingestd.broadcast.backoff import Backoff


class State(StrEnum):
    """What is observed."""

    WAITING = "waiting"  # the channel is not live
    CONNECTING = "connecting"
    PUSHING = "pushing"  # the other side has taken the stream
    BACKING_OFF = "backing_off"  # tried again in a moment
    FAILED = "failed"  # not tried again before the next broadcast, or until the target is changed


class Event(StrEnum):
    """What happens to a push."""

    LIVE = "live"  # a broadcast is on
    OVER = "over"  # all of it was sent, or there is nothing more to send
    ACCEPTED = "accepted"  # the other side takes the stream
    BROKE = "broke"
    RETRY = "retry"
    HOPELESS = "hopeless"  # trying again does not mend it


_S, _E = State, Event

TRANSITIONS: dict[State, dict[Event, State]] = {
    _S.WAITING: {_E.LIVE: _S.CONNECTING},
    _S.CONNECTING: {
        _E.ACCEPTED: _S.PUSHING,
        _E.BROKE: _S.BACKING_OFF,
        _E.HOPELESS: _S.FAILED,
        _E.OVER: _S.WAITING,
    },
    _S.PUSHING: {_E.BROKE: _S.BACKING_OFF, _E.HOPELESS: _S.FAILED, _E.OVER: _S.WAITING},
    _S.BACKING_OFF: {_E.RETRY: _S.CONNECTING, _E.HOPELESS: _S.FAILED, _E.OVER: _S.WAITING},
    _S.FAILED: {_E.LIVE: _S.CONNECTING},
}

SENTENCES: dict[State, str] = {
    _S.WAITING: "Waiting for the channel to be live.",
    _S.CONNECTING: "Connecting.",
    _S.PUSHING: "Pushing.",
    _S.BACKING_OFF: "It is tried again in a moment:",
    _S.FAILED: "Given up until the next broadcast:",
}

_BASE, _CAP = 1.0, 30.0  # seconds between two tries, at first and at most
_HOPELESS_AFTER = 10  # tries in a row of which none held: about two and a half minutes
_UNCOUNTED = 5.0  # seconds until the next try, where the other side has not even been asked
_HELD = 10.0  # seconds after which a connection counts as one that works
_MEASURED = 5.0  # seconds over which bitrate and speed are taken


@dataclass(frozen=True, slots=True)
class PushState:
    """What is known of a push now. There is no secret in it.

    ``since`` (Unix time) of the state; ``sent`` in bytes of all connections to this target since it
    was stored or changed; ``bitrate`` in bit/s and ``speed`` (1.0 is real time) of the last five
    seconds; ``behind``: seconds that stand in the playlist and were not sent yet.
    """

    target: str
    channel: str
    state: State
    message: str
    since: float
    rendition: str = ""
    bitrate: float = 0.0
    speed: float = 0.0
    sent: int = 0
    behind: float = 0.0
    connections: int = 0


class Life:
    """A push from one state to the next: times are handed in (``now``: monotonic seconds)."""

    def __init__(self) -> None:
        self.state = State.WAITING
        self.trouble = ""  # why it broke, half a sentence of our own
        self.connections = 0
        self.has_held = False  # in this broadcast: then it is the other side's trouble, and passes
        self._accepted: float | None = None
        self._backoff = Backoff(_HOPELESS_AFTER, _BASE, _CAP)

    def on(self, event: Event, now: float) -> None:
        """Raises KeyError for an event that cannot be: a defect."""
        self.state = TRANSITIONS[self.state][event]
        if event is Event.LIVE:
            self.has_held, self.trouble = False, ""
            self._backoff.succeed()
        if event is Event.ACCEPTED:
            self.connections += 1
        self._accepted = now if event is Event.ACCEPTED else None

    def broke(self, trouble: str, now: float, random: float, *, counts: bool = True) -> float | None:
        """A try failed, or a connection broke; seconds until the next try, None: there is none.

        One that does not count tells nothing of the other side, and so is no reason to give it up.
        """
        self.trouble = trouble
        if not counts:
            self.on(Event.BROKE, now)
            return _UNCOUNTED * (1 - 0.5 * random)
        if self._accepted is not None and now - self._accepted >= _HELD:
            self.has_held = True
            self._backoff.succeed()
        delay = self._backoff.fail(random)
        if delay is None and self.has_held:
            delay = _CAP * (1 - 0.5 * random)
        self.on(Event.HOPELESS if delay is None else Event.BROKE, now)
        return delay

    def hopeless(self, trouble: str, now: float) -> None:
        self.trouble = trouble
        self.on(Event.HOPELESS, now)

    @property
    def message(self) -> str:
        """The state in plain sentences."""
        troubled = self.state in (State.BACKING_OFF, State.FAILED)
        return f"{SENTENCES[self.state]} {self.trouble}" if troubled else SENTENCES[self.state]


class Meter:
    """Bytes and media that were sent, over the last seconds."""

    def __init__(self) -> None:
        self.sent = 0
        self._notes: deque[tuple[float, int, float]] = deque()  # now, bytes so far, media time (s)

    def note(self, now: float, size: int, media_time: float) -> None:
        self.sent += size
        self._notes.append((now, self.sent, media_time))
        while now - self._notes[0][0] > _MEASURED:
            self._notes.popleft()

    def begin(self) -> None:
        """Another connection: what is measured starts again."""
        self._notes.clear()

    def rates(self, now: float) -> tuple[float, float]:
        """Bits a second, and media seconds a second."""
        notes = [note for note in self._notes if now - note[0] <= _MEASURED]
        if len(notes) < 2:
            return 0.0, 0.0
        seconds = max(now - notes[0][0], 0.001)
        return (notes[-1][1] - notes[0][1]) * 8 / seconds, (notes[-1][2] - notes[0][2]) / seconds
