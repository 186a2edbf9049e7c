"""What became of a broadcast that a fault has hit: the measurements, and whether they are well. Pure.

Of what Debian's Python has and numpy, like all that runs inside of boxes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.chaos.cells import FRAME_RATE
from tests.chaos.transport import SAMPLES
from tests.chaos.verdict import Skew, Verdict, before_and_after

_SOUND = SAMPLES / 48000 + 0.002  # seconds: one AAC packet; publishers' time stamps are rounded to 1 ms
_TOGETHER = 0.1  # seconds
_MARGIN = 1.0  # seconds around a fault whose skew counts neither as before nor as after


@dataclass(slots=True)
class Result:
    """One broadcast with one fault. Seconds; counts are of frames, in all renditions together."""

    fault: str
    codec: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    before: float | None = None
    after: float | None = None
    standstill: float = 0.0
    again: float | None = None
    viewer: float | None = None
    loses: int = 0  # frames that may be missing in each rendition, in one piece: the fault says so

    def count(self, what: Callable[[Verdict], int]) -> int:
        return sum(what(one) for one in self.verdicts.values())

    @property
    def lost(self) -> int:
        """Without those that the fault may cost."""
        return self.count(lambda one: 0 if self._named(one) else len(one.lost))

    @property
    def named(self) -> int:
        """Frames lost as the fault says."""
        return self.count(lambda one: len(one.lost) if self._named(one) else 0)

    def _named(self, one: Verdict) -> bool:
        return len(one.lost) <= self.loses and one.holes <= 1

    @property
    def doubled(self) -> int:
        return self.count(lambda one: one.doubled)

    @property
    def spoiled(self) -> int:
        return self.count(lambda one: one.disordered + one.unreadable)

    @property
    def gap(self) -> float:
        return max((one.gap for one in self.verdicts.values()), default=0.0)

    @property
    def overlap(self) -> float:
        return max((one.overlap for one in self.verdicts.values()), default=0.0)

    @property
    def off(self) -> list[str]:
        """What is wrong with the sound, in words.

        A restart may begin with another packet of sound than the one after the last, but by no more
        than one: what was measured is 0 ms missing, 19 ms twice, and a skew that changes by 3 ms. Where
        pictures may be lost, the sound between them is, too; and what receives anew puts both together
        anew, by when the first of each have come.
        """
        missing = self.gap - self.loses / FRAME_RATE
        moved = drift((self.before, self.after)) - (_TOGETHER if self.loses else 0)
        measured = {
            "is missing": missing,
            "stands there twice": self.overlap,
            "moves against the picture": moved,
        }
        return [f"{ms(amount)} of sound {what}" for what, amount in measured.items() if amount > _SOUND]

    @property
    def well(self) -> bool:
        """Every frame once and in order, sound to within one packet, and nothing else was wrong."""
        damage = self.lost + self.doubled + self.spoiled
        return bool(self.verdicts) and not (damage or self.off or self.trouble)

    def __str__(self) -> str:
        """One line, and one more for each rendition or trouble that is worth it."""
        words = f"{self.fault} {self.codec}: {self.lost} lost, {self.doubled} doubled"
        words += f", {self.named} lost as it says" if self.named else ""
        words += f", {self.spoiled} spoiled" if self.spoiled else ""
        words += f"; sound {ms(self.gap)} missing at most, {ms(self.overlap)} twice"
        words += f", skew {ms(self.before)} before, {ms(self.after)} after"
        words += f"; stood still {self.standstill:.1f} s"
        words += "" if self.viewer is None else f", for the viewer {self.viewer:.1f} s"
        words += "" if self.again is None else f"; sending again after {self.again:.2f} s"
        damaged = [f"    {name}: {one.runs}" for name, one in self.verdicts.items() if one.damage]
        return "\n".join([words, *damaged, *(f"    {one}" for one in self.off + self.trouble)])


def as_json(result: Result) -> str:
    """In one line: the way out of a box."""
    return json.dumps(asdict(result))


def from_json(text: str) -> Result:
    """What :func:`as_json` has written; ValueError for anything else."""
    found = json.loads(text)
    try:
        verdicts = {name: _verdict(one) for name, one in found.pop("verdicts").items()}
        return Result(verdicts=verdicts, **found)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"no broadcast: {error!r}") from None


def _verdict(found: dict[str, Any]) -> Verdict:
    skews = tuple(Skew(**one) for one in found.pop("skews"))
    return Verdict(lost=tuple(found.pop("lost")), skews=skews, **found)


def worst_skew(verdicts: dict[str, Verdict], fault: float) -> tuple[float | None, float | None]:
    """Before and after a fault, of the rendition in which it changes most."""
    pairs = []
    for one in verdicts.values():
        clear = [skew for skew in one.skews if abs(skew.at - fault) > _MARGIN]
        pairs.append(before_and_after(clear, fault))
    return max(pairs, key=drift, default=(None, None))


def ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{round(seconds * 1000)} ms"


def drift(pair: tuple[float | None, float | None]) -> float:
    """By how much the skew has changed; less than nothing where one side is not known."""
    before, after = pair
    return -1.0 if before is None or after is None else abs(after - before)
