"""How the whole server did in the last hour: a measurement every five seconds, in a fixed size. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingestd.broadcast.lifecycle import FINAL, State
from ingestd.monitor.samples import Samples

EVERY = 5.0  # seconds between two measurements
SPAN = 3600  # seconds that are kept

_STATES = [state.value for state in State if state not in FINAL]
_FIGURES = (
    "viewers",
    "publishers",
    "webrtc_viewers",
    "webrtc_publishers",
    "bandwidth_in",
    "bandwidth_out",
    "cpu",
    "memory",
    "disk",
    "lag",
    "restarts",
)
_BITS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """What there is at one moment. None: nobody knows.

    ``received`` and ``sent`` (bytes) and ``restarts`` (of encoders) are counted from some moment on;
    ``cpu``, ``memory`` and ``disk`` are the shares in use (0…1); ``lag`` is the worst of the broadcasts,
    in seconds.
    """

    viewers: int | None
    publishers: int
    webrtc_viewers: int | None  # of the viewers
    webrtc_publishers: int | None
    states: Mapping[str, int]  # open broadcasts by state
    received: int
    sent: int | None
    cpu: float | None
    memory: float | None
    disk: float | None
    lag: float
    restarts: int


class History:
    """Times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._samples = Samples((*_FIGURES, *_STATES), int(SPAN / EVERY), EVERY)
        self._before: tuple[float, Reading] | None = None

    def add(self, now: float, reading: Reading) -> None:
        before, self._before = self._before, (now, reading)
        since, old = before or (now, reading)
        seconds = now - since
        figures = (
            reading.viewers,
            reading.publishers,
            reading.webrtc_viewers,
            reading.webrtc_publishers,
            rate(reading.received, old.received, seconds),
            rate(reading.sent, old.sent, seconds),
            reading.cpu,
            reading.memory,
            reading.disk,
            reading.lag,
            max(0, reading.restarts - old.restarts),
        )
        self._samples.add(now, (*figures, *(reading.states.get(state, 0) for state in _STATES)))

    def view(self, now: float, seconds: float = SPAN) -> dict[str, Any]:
        """The last ``seconds`` for the API; ``newest`` is the number of the newest step, by which what is
        asked for later fits to it. Bandwidth is bits a second."""
        found = self._samples.view(now, max(1, int(seconds / EVERY)))
        states = {state: found.pop(state) for state in _STATES}
        return {"newest": self._samples.newest, "step": EVERY, **found, "broadcasts": states}


def rate(count: int | None, before: int | None, seconds: float) -> float | None:
    """Bits a second, of counts of bytes that were taken so many seconds apart.

    None for a count that is not known, or that began anew.
    """
    if count is None or before is None or seconds <= 0 or count < before:
        return None
    return (count - before) * _BITS / seconds
