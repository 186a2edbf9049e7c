"""What became of a server of ours (nginx, Janus) so far: why it ended, in plain sentences, and how long to
wait for the next start.

A breaker as an encoder's would end the broadcasts, and such a server has no other to take its place: this
one opens, too, but then goes on trying, seldom, and says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from signal import Signals
from typing import Any

from ingestd.processes import Exit

KEPT = 20  # ends that are remembered

_LIVED_WELL = 30.0  # seconds after which an end is no crash loop
_SHORTEST_WAIT = 0.1  # seconds between two starts, from the second in a row on
_LONGEST_WAIT = 5.0
_BREAKER = 8  # ends in a row after which it opens
_SELDOM = 30.0  # seconds between two starts then
_CRASHES = {Signals.SIGSEGV, Signals.SIGABRT, Signals.SIGBUS, Signals.SIGILL, Signals.SIGFPE}


@dataclass(frozen=True, slots=True)
class Ended:
    """One end of it: when (Unix time), after how many seconds, why in plain words, and how exactly."""

    at: float
    lifetime: float
    sentence: str
    exit: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Record:
    """Its last ends. ``random`` gives numbers in 0…1, which spread the waits."""

    def __init__(self, random: Callable[[], float]) -> None:
        self.ends: deque[Ended] = deque(maxlen=KEPT)
        self.in_a_row = 0  # of them without a good life between
        self._random = random
        self._wait = 0.0

    @property
    def open(self) -> bool:
        """Whether the breaker is open: it ends again and again, and is started seldom."""
        return self.in_a_row >= _BREAKER

    def note(self, now: float, lifetime: float, sentence: str, ended: Exit | None) -> float:
        """It ended, or could not be started at all (``ended`` is None); seconds to wait for the next start.

        At once after a good life, then longer and longer.
        """
        if lifetime > _LIVED_WELL:
            self.in_a_row, self._wait = 0, 0.0
        else:
            self._wait = longer(self._wait, self._random())
        self.in_a_row += 1
        self.ends.append(Ended(round(now, 3), round(lifetime, 3), sentence, str(ended or "")))
        return _SELDOM * (1 - 0.5 * self._random()) if self.open else self._wait

    def trouble(self) -> str:
        """What is wrong with it, for who finds that it does not answer; empty: nothing is known."""
        if not self.ends:
            return ""
        last = self.ends[-1].sentence
        if not self.open:
            return f"{last} It is being started again."
        return f"{last} That happened {self.in_a_row} times in a row; it is tried every {_SELDOM:g} s."


def sentence(name: str, ended: Exit, *, hung: bool = False, mute: bool = False) -> str:
    """Why ``name`` ended. ``hung``: we ended it, since it did not answer any more; ``mute``: it never did."""
    if hung:
        return f"{name} no longer answered, so it was ended."
    if mute:
        return f"{name} did not answer after its start, so it was ended."
    if ended.signal:
        how = "crashed" if ended.signal in _CRASHES else "was killed by the system"
        return f"{name} {how} ({Signals(ended.signal).name})."
    if any("bind() to" in line and "in use" in line for line in ended.lines):
        return f"{name} could not start: another program has taken its port."
    if ended.ok:
        return f"{name} was ended by somebody else."
    return f"{name} ended with an error ({ended})."


def longer(wait: float, random: float) -> float:
    """The next wait before a start, in seconds; ``random`` in 0…1 spreads it by up to half."""
    longest = min(_LONGEST_WAIT, max(_SHORTEST_WAIT, wait * 2))
    return longest * (1 - 0.5 * random)
