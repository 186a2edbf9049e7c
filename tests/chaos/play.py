"""A scene from curtain to curtain: broadcasts begin, the fault strikes, they end, and are looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import ceil
from random import Random

from tests.chaos.cast import Cast
from tests.chaos.clip import RTMP, Clip, clip, joined
from tests.chaos.faults import Fault, Scene
from tests.chaos.stage import Stage
from tests.chaos.verdict import Verdict, before_and_after
from tests.chaos.viewer import Viewer

_EARLIEST = 2.0  # seconds of media in the playlist before anything is done
_START_SECONDS = 60.0
_END_SECONDS = 90.0  # for the end, beyond the length of clip and fault
_BROWSER_SECONDS = 40.0  # until a viewer sees the picture, on a busy machine
_LENGTHS = 20  # seconds by which clips differ in length: making them takes all of the machine
_RTMP_WINDOW = 3  # seconds: by RTMP nobody can say that this was all, so each broadcast ends in this way
_MARGIN = 1.0  # seconds around a fault whose skew counts neither as before nor as after

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Form:
    """How large and how long: pixels, kb/s of the renditions, and seconds of a clip."""

    width: int
    height: int
    ladder: str
    seconds: int
    longer: bool  # recording goes on for as long as the fault lasts


QUICK = Form(256, 144, "[{height=144,bitrate=200},{height=72,bitrate=100}]", 14, longer=False)
FULL = Form(640, 360, "[{height=360,bitrate=700},{height=240,bitrate=400}]", 24, longer=True)


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

    def count(self, what: Callable[[Verdict], int]) -> int:
        return sum(what(one) for one in self.verdicts.values())

    @property
    def lost(self) -> int:
        return self.count(lambda one: len(one.lost))

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
    def well(self) -> bool:
        return not self.trouble and bool(self.verdicts) and not self.lost + self.doubled + self.spoiled

    def __str__(self) -> str:
        """One line, and one more for each rendition or trouble that is worth it."""
        words = f"{self.fault} {self.codec}: {self.lost} lost, {self.doubled} doubled"
        words += f", {self.spoiled} spoiled" if self.spoiled else ""
        words += f"; sound {self.gap * 1000:.0f} ms missing at most, {self.overlap * 1000:.0f} ms twice"
        words += f"; stood still {self.standstill:.1f} s"
        words += "" if self.again is None else f"; sending again after {self.again:.2f} s"
        damaged = [f"    {name}: {one.runs}" for name, one in self.verdicts.items() if one.damage]
        return "\n".join([words, *damaged, *(f"    {one}" for one in self.trouble)])


def settings(form: Form, codecs: Iterable[str]) -> dict[str, object]:
    """``codecs``: of all broadcasts that the server will have."""
    made: dict[str, object] = {"encoder_ladder": form.ladder}
    if RTMP in codecs:
        made["ingest_resume_window"] = _RTMP_WINDOW
    return made


def clip_for(fault: Fault, codec: str, form: Form, *, watched: bool = False) -> Clip:
    """Long enough for the fault; two recordings of different size and codec where the source is switched."""
    if fault.switch:
        half = form.seconds // 2
        camera = clip(codec, form.width, form.height, half)
        other = {"vp8": "h264", "h264": "vp9", "vp9": "vp8"}[codec]
        return joined(camera, clip(other, form.width * 3 // 2, form.height * 3 // 2, half, camera.frames))
    longer = fault.lasts if fault.during or form.longer else 0
    longer += _BROWSER_SECONDS if watched else 0
    return clip(codec, form.width, form.height, form.seconds + _LENGTHS * ceil(longer / _LENGTHS))


def play(
    stage: Stage, fault: Fault, clips: Sequence[Clip], form: Form, chance: Random, *, viewer: bool = False
) -> list[Result]:
    """One scene on a server that runs; what became of each broadcast. Raises nothing but Ctrl-C."""
    results = [Result(fault.name, one.codec) for one in clips]
    watcher = None
    with ExitStack() as stack:
        casts = []
        for one in clips:
            casts.append(Cast(stage, one))
            stack.callback(casts[-1].close)
        try:
            watcher = _until_the_fault(casts, form, chance, viewer)
            if watcher:
                stack.callback(watcher.stop)
            fault.act(Scene(stage, tuple(casts), chance))
        except Exception as error:
            for result in results:
                result.trouble.append(f"{type(error).__name__}: {error}")
        for cast, result in zip(casts, results, strict=True):
            _conclude(cast, result, fault)
        if watcher:
            watcher.stop()
            results[0].viewer = watcher.stalled
            results[0].trouble += _seen(watcher, casts[0].fault)
    return results


def _until_the_fault(casts: Sequence[Cast], form: Form, chance: Random, viewer: bool) -> Viewer | None:
    """Every broadcast stands in the playlist, and a random moment has come."""
    for cast in casts:
        cast.wait_on_air(_EARLIEST, _START_SECONDS)
    watcher = Viewer(f"{casts[0].stage.hls}/watch/{casts[0].channel}") if viewer else None
    if watcher:
        watcher.wait_playing()
    time.sleep(chance.uniform(0, form.seconds / 4))
    return watcher


def _seen(watcher: Viewer, fault: float) -> list[str]:
    """Without a reload the picture has to go on past the fault."""
    if watcher.stalled is None:
        return [f"the viewer saw nothing: {watcher.error}"]
    if watcher.position <= fault:
        return [f"the viewer's picture ends at {watcher.position:.1f} s, the fault was at {fault:.1f} s"]
    return []


def _conclude(cast: Cast, result: Result, fault: Fault) -> None:
    """Wait for its end, and look at what it leaves."""
    result.trouble += cast.finish(cast.clip.seconds + fault.lasts + _END_SECONDS)
    result.standstill, result.again = cast.standstill, cast.again
    try:
        found = cast.autopsy()
    except Exception as error:
        result.trouble.append(f"it cannot be looked at: {type(error).__name__}: {error}")
        return
    result.verdicts = found.renditions
    result.trouble += found.complaints
    result.before, result.after = worst_skew(found.renditions, cast.fault)


def worst_skew(verdicts: dict[str, Verdict], fault: float) -> tuple[float | None, float | None]:
    """Before and after a fault, of the rendition in which it changes most."""
    pairs = []
    for one in verdicts.values():
        clear = [skew for skew in one.skews if abs(skew.at - fault) > _MARGIN]
        pairs.append(before_and_after(clear, fault))
    return max(pairs, key=drift, default=(None, None))


def drift(pair: tuple[float | None, float | None]) -> float:
    """By how much the skew has changed; less than nothing where one side is not known."""
    before, after = pair
    return -1.0 if before is None or after is None else abs(after - before)
