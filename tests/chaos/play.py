"""A scene from curtain to curtain: broadcasts begin, the fault strikes, they end, and are looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import ceil
from random import Random

from tests.chaos.cast import Cast
from tests.chaos.clip import CODECS, RTMP, Clip, clip, joined
from tests.chaos.faults import Fault, Scene
from tests.chaos.stage import Stage
from tests.chaos.transport import SAMPLES
from tests.chaos.verdict import Verdict, before_and_after
from tests.chaos.viewer import Viewer

_EARLIEST = 2.0  # seconds of media in the playlist before anything is done
_START_SECONDS = 60.0
_END_SECONDS = 90.0  # for the end, beyond the length of clip and fault
_BROWSER_SECONDS = 10  # from the first segments until a viewer sees the picture, on a busy machine
_LENGTHS = 10  # seconds by which clips differ in length: making them takes all of the machine
_SOUND = SAMPLES / 48000 + 0.002  # seconds: one AAC packet; publishers' time stamps are rounded to 1 ms
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
FULL = Form(640, 360, "[{height=360,bitrate=700},{height=240,bitrate=400}]", 20, longer=True)


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
    def off(self) -> list[str]:
        """What is wrong with the sound, in words.

        A restart may begin with another packet of sound than the one after the last, but by no more
        than one: what was measured is 0 ms missing, 19 ms twice, and a skew that changes by 3 ms.
        """
        measured = {
            "is missing": self.gap,
            "stands there twice": self.overlap,
            "moves against the picture": drift((self.before, self.after)),
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
        words += f", {self.spoiled} spoiled" if self.spoiled else ""
        words += f"; sound {ms(self.gap)} missing at most, {ms(self.overlap)} twice"
        words += f", skew {ms(self.before)} before, {ms(self.after)} after"
        words += f"; stood still {self.standstill:.1f} s"
        words += "" if self.viewer is None else f", for the viewer {self.viewer:.1f} s"
        words += "" if self.again is None else f"; sending again after {self.again:.2f} s"
        damaged = [f"    {name}: {one.runs}" for name, one in self.verdicts.items() if one.damage]
        return "\n".join([words, *damaged, *(f"    {one}" for one in self.off + self.trouble)])


def settings(form: Form, codecs: Iterable[str]) -> dict[str, object]:
    """``codecs``: of all broadcasts that the server will have."""
    made: dict[str, object] = {"encoder_ladder": form.ladder}
    if RTMP in codecs:
        made["ingest_resume_window"] = _RTMP_WINDOW
    return made


def clip_for(fault: Fault, codec: str, form: Form, *, watched: bool = False) -> Clip:
    """Long enough for the fault; two recordings of different size and codec where the source is switched."""
    seconds = clip_seconds(fault, form, watched=watched)
    if not fault.switch:
        return clip(codec, form.width, form.height, seconds)
    return switched(codec, form, seconds // 2)


def clip_seconds(fault: Fault, form: Form, *, watched: bool) -> int:
    longer = fault.lasts if fault.during or form.longer else 0
    longer += _BROWSER_SECONDS if watched else 0
    return form.seconds + _LENGTHS * ceil(longer / _LENGTHS)


def switched(codec: str, form: Form, half: int) -> Clip:
    """So many seconds of a camera, and as many of a larger screen in another codec."""
    camera = clip(codec, form.width, form.height, half)
    other = CODECS[CODECS.index(codec) - 1]
    return joined(camera, clip(other, form.width * 3 // 2, form.height * 3 // 2, half, camera.frames))


def play(
    stage: Stage, fault: Fault, clips: Sequence[Clip], form: Form, chance: Random, *, viewer: bool = False
) -> list[Result]:
    """One scene on a server that runs; what became of each broadcast. Raises nothing but Ctrl-C."""
    results = [Result(fault.name, one.codec) for one in clips]
    with ExitStack() as stack:
        channels = [stage.channel() for _ in clips]
        watcher = _sit_down(stage, channels[0], stack) if viewer else None
        casts = []
        for one, channel in zip(clips, channels, strict=True):
            casts.append(Cast(stage, one, channel))
            stack.callback(casts[-1].close)
        try:
            _until_the_fault(casts, form, chance, watcher)
            fault.act(Scene(stage, tuple(casts), chance))
        except Exception as error:
            for result in results:
                result.trouble.append(f"{type(error).__name__}: {error}")
        for cast, result in zip(casts, results, strict=True):
            _conclude(cast, result, fault)
        if watcher:
            watcher.stop()
            results[0].viewer = watcher.stalled
            results[0].trouble += seen(watcher, casts[0].fault)
    return results


def _sit_down(stage: Stage, channel: str, stack: ExitStack) -> Viewer:
    """A browser that waits for the broadcast: its own start costs no second of the clip."""
    watcher = Viewer(f"{stage.hls}/watch/{channel}")
    stack.callback(watcher.stop)
    watcher.wait_open()
    return watcher


def _until_the_fault(casts: Sequence[Cast], form: Form, chance: Random, watcher: Viewer | None) -> None:
    """Every broadcast stands in the playlist, and a random moment has come."""
    for cast in casts:
        cast.wait_on_air(_EARLIEST, _START_SECONDS)
    if watcher:
        watcher.wait_playing()
    time.sleep(moment(form, chance))


def moment(form: Form, chance: Random) -> float:
    """A random one: seconds after the broadcast stands in the playlist."""
    return chance.uniform(0, form.seconds / 4)


def seen(watcher: Viewer, fault: float) -> list[str]:
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


def ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{round(seconds * 1000)} ms"


def drift(pair: tuple[float | None, float | None]) -> float:
    """By how much the skew has changed; less than nothing where one side is not known."""
    before, after = pair
    return -1.0 if before is None or after is None else abs(after - before)
