"""What became of the frames and the sound of a broadcast: counted, not judged. Pure.

Everything here works on what a rendition's playlist holds, as *runs*: what stands between two
discontinuities, and has one continuous clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from tests.chaos.cells import FRAME_RATE, UNREADABLE
from tests.chaos.transport import SAMPLES

_QUIET = 0.03  # seconds of silence before the onset of a beep
_LOUD = 0.1  # of full scale: a beep has 0.35, silence after two encoders less than 0.01
_FAR = 0.25  # seconds; a beep that is further from its flash belongs to another one
_PARTS = 16  # of an AAC packet, in which loudness is measured: 1.3 ms


@dataclass(frozen=True, slots=True)
class Run:
    """One run, decoded: times in seconds of its own clock.

    ``loudness``: root mean square of each sixteenth of each packet of sound, 1 is full scale.
    """

    numbers: NDArray[np.int64]
    flashes: NDArray[np.bool_]
    video: Sequence[float]
    audio: Sequence[float]
    loudness: NDArray[np.float64]
    rate: int = 48000

    @property
    def origin(self) -> float:
        """What frame 0 would have for a time here; media time is counted from there."""
        shifts = [
            at - number / FRAME_RATE
            for at, number in zip(self.video, self.numbers, strict=False)
            if number != UNREADABLE
        ]
        return float(median(shifts)) if shifts else 0.0


@dataclass(frozen=True, slots=True)
class Skew:
    """How much later than its flash a beep comes (s), at a media time (s)."""

    at: float
    late: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rendition. Counts are frames; ``gap`` and ``overlap`` seconds of sound between two packets.

    A gap is also what is missing before the first packet and after the last.
    """

    runs: str
    lost: tuple[int, ...]
    doubled: int
    disordered: int
    unreadable: int
    gap: float
    overlap: float
    skews: tuple[Skew, ...]

    @property
    def holes(self) -> int:
        """Pieces of which the lost frames are."""
        return sum(number - 1 not in self.lost for number in self.lost)

    @property
    def damage(self) -> int:
        """Frames that are not what they should be. 0: every frame exactly once, in order, and readable."""
        return len(self.lost) + self.doubled + self.disordered + self.unreadable


def judge(runs: Sequence[Run], first: int, frames: int, late: int = 0) -> Verdict:
    """A rendition in which ``frames`` frames from number ``first`` on should stand; so many of them may be
    over before it begins (``late``)."""
    numbers = [int(number) for run in runs for number in run.numbers]
    begun = min((number for number in numbers if first <= number <= first + late), default=first)
    first, frames = begun, frames - (begun - first)
    seen = Counter(number for number in numbers if first <= number < first + frames)
    strangers = len(numbers) - seen.total()
    # a frame without a picture, or a picture without a frame: the decoder dropped or made one
    strangers += sum(abs(len(run.numbers) - len(run.video)) for run in runs)
    steps = silences(runs)
    edges = silent_edges(runs, first / FRAME_RATE, (first + frames) / FRAME_RATE)
    return Verdict(
        runs=written(numbers),
        lost=tuple(number for number in range(first, first + frames) if number not in seen),
        doubled=sum(count - 1 for count in seen.values()),
        disordered=descents(numbers),
        unreadable=strangers,
        gap=max([0.0, *steps, *edges]),
        overlap=-min([0.0, *steps]),
        skews=tuple(skew for run in runs for skew in skews(run)),
    )


def written(numbers: Sequence[int]) -> str:
    """Runs of consecutive numbers, in the order in which they stand: ``0-179, 180-359``."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1 and number > 0:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    words = ["?" if part[0] == UNREADABLE else "-".join(map(str, part)) for part in parts]
    return ", ".join(words)


def descents(numbers: Sequence[int]) -> int:
    """Frames that come after one with a higher number. A frame twice in a row is no descent."""
    readable = [number for number in numbers if number != UNREADABLE]
    return sum(later < earlier for earlier, later in zip(readable, readable[1:], strict=False))


def silences(runs: Sequence[Run]) -> list[float]:
    """Media seconds between the end of each packet of sound and the start of the next; negative: overlap."""
    starts = [(at - run.origin, SAMPLES / run.rate) for run in runs for at in run.audio]
    pairs = zip(starts, starts[1:], strict=False)
    return [later - (earlier + length) for (earlier, length), (later, _) in pairs]


def silent_edges(runs: Sequence[Run], begin: float, end: float) -> tuple[float, float]:
    """Media seconds without sound before the first packet and after the last.

    Less by a packet: a recording does not end with a full one, and an encoder need not make one of it.
    """
    sounding = [run for run in runs if run.audio]
    if not sounding:
        return 0.0, end - begin
    first, last = sounding[0], sounding[-1]
    length = SAMPLES / last.rate
    return (
        first.audio[0] - first.origin - begin - length,
        end - (last.audio[-1] + length - last.origin) - length,
    )


def skews(run: Run) -> list[Skew]:
    """Of every flash whose beep begins in the same run; what is cut off on one side is passed over."""
    starts = _onsets(run)
    found = []
    for number, at, flash in zip(run.numbers, run.video, run.flashes, strict=False):
        near = [start - at for start in starts if abs(start - at) < _FAR] if flash else []
        if near:
            found.append(Skew(int(number) / FRAME_RATE, min(near, key=abs)))
    return found


def _onsets(run: Run) -> list[float]:
    """Times at which a beep begins, after silence in the same run."""
    loud = run.loudness > _LOUD
    part = SAMPLES / run.rate / _PARTS
    quiet = round(_QUIET / part)
    rises = np.nonzero(loud[1:] & ~loud[:-1])[0] + 1
    begun = [int(index) for index in rises if index >= quiet and not loud[index - quiet : index].any()]
    return [run.audio[index // _PARTS] + index % _PARTS * part for index in begun]


def loudness(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """Of each sixteenth of each packet, from one channel of decoded sound."""
    whole = samples[: len(samples) // SAMPLES * SAMPLES].astype(np.float64) / 32768
    return np.asarray(np.sqrt((whole.reshape(-1, SAMPLES // _PARTS) ** 2).mean(axis=1)))


def before_and_after(all_: Sequence[Skew], fault: float) -> tuple[float | None, float | None]:
    """The usual skew up to a media time, and from there on; None where there was no beep with a flash."""
    sides = ([one.late for one in all_ if one.at < fault], [one.late for one in all_ if one.at >= fault])
    before, after = (median(side) if side else None for side in sides)
    return before, after
