"""A scene from curtain to curtain: broadcasts begin, the fault strikes, they end, and are looked at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from math import ceil
from random import Random

from tests.chaos.cast import Cast
from tests.chaos.cells import FRAME_RATE
from tests.chaos.clip import CODECS, Clip, clip, joined
from tests.chaos.faults import Fault, Scene
from tests.chaos.form import EARLIEST, END_SECONDS, START_SECONDS, Form, moment
from tests.chaos.result import Result
from tests.chaos.stage import Stage
from tests.chaos.viewer import Viewer

_BROWSER_SECONDS = 10  # from the first segments until a viewer sees the picture, on a busy machine
_LENGTHS = 10  # seconds by which clips differ in length: making them takes all of the machine


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
    loses = round(fault.loses * FRAME_RATE)
    results = [Result(fault.name, one.codec, loses=loses) for one in clips]
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
            cast.conclude(result, cast.clip.seconds + fault.lasts + END_SECONDS)
        if watcher:
            watcher.wait_past(casts[0].fault)
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
        cast.wait_on_air(EARLIEST, START_SECONDS)
    if watcher:
        watcher.wait_playing(_BROWSER_SECONDS)  # its clip is longer by no more: the fault has to strike in it
    time.sleep(moment(form, chance))


def seen(watcher: Viewer, fault: float) -> list[str]:
    """Without a reload the picture has to go on past the fault."""
    if watcher.stalled is None:
        return [f"the viewer saw nothing: {watcher.error}"]
    if watcher.position <= fault:
        return [f"the viewer's picture ends at {watcher.position:.1f} s, the fault was at {fault:.1f} s"]
    return []
