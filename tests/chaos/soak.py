"""Random faults for minutes on one server whose daemon lives on: do memory and descriptors stay flat?

Three broadcasts, one of each codec, end and begin anew all the time; every few seconds one of the
faults hits one of them, or all. The daemon itself is not killed here: its figures are what is
measured. Each broadcast is looked at when it is over, as everywhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from statistics import median
from threading import Event, Thread

import psutil

from tests.chaos.cast import Cast
from tests.chaos.clip import CODECS, Clip, clip
from tests.chaos.faults import (
    Act,
    Scene,
    black_hole,
    cut,
    kill_encoder,
    kill_encoder_and_cut,
    kill_nginx,
    kill_nginx_worker,
    stop_encoder,
)
from tests.chaos.play import Form, Result, settings
from tests.chaos.stage import Stage

NAME = "soak"
_WARM = 60.0  # seconds until memory and descriptors are taken for the first time
_SPAN = 30.0  # seconds over which each figure is the median
_CALM = (4.0, 12.0)  # seconds between two faults
_CLIP = 40  # seconds of each broadcast
_END_SECONDS = 120.0
_MORE_MEMORY = 25.0  # MB (10^6 bytes) by which it may have grown, and
_MORE_MEMORY_SHARE = 0.15  # of what it was
_MORE_DESCRIPTORS = 12

_ALONE: tuple[Act, ...] = (kill_encoder, stop_encoder, cut(1), cut(5), black_hole(5), kill_encoder_and_cut(2))
_WHOLE: tuple[Act, ...] = (kill_nginx, kill_nginx_worker)
_WHOLE_ONE_IN = 6  # faults that hit all broadcasts

Say = Callable[[str], None]


@dataclass(slots=True)
class Meter:
    """Samples of one process, a second apart: when, MB resident, descriptors."""

    pid: int
    samples: list[tuple[float, float, int]] = field(default_factory=list)
    _over: Event = field(default_factory=Event)

    def run(self) -> None:
        process = psutil.Process(self.pid)
        while not self._over.wait(1.0):
            with suppress(psutil.NoSuchProcess):
                sample = (time.monotonic(), process.memory_info().rss / 1e6, process.num_fds())
                self.samples.append(sample)

    def stop(self) -> None:
        self._over.set()


def growth(samples: list[tuple[float, float, int]], warm: float = _WARM) -> tuple[list[str], str]:
    """What has grown too much since the first ``warm`` seconds, and the figures in words. Pure."""
    first = samples[0][0] if samples else 0.0
    early = [one for one in samples if warm <= one[0] - first < warm + _SPAN]
    late = [one for one in samples if samples[-1][0] - one[0] < _SPAN]
    if not early or late[0][0] - early[-1][0] < 0:
        return [], "too short for figures of memory and descriptors"
    memory, descriptors = ([median(one[which] for one in span) for span in (early, late)] for which in (1, 2))
    words = "memory {:.0f} → {:.0f} MB, descriptors {:.0f} → {:.0f}".format(*memory, *descriptors)
    trouble = []
    if memory[1] > memory[0] * (1 + _MORE_MEMORY_SHARE) + _MORE_MEMORY:
        trouble.append(f"the daemon's memory grows: {words}")
    if descriptors[1] > descriptors[0] + _MORE_DESCRIPTORS:
        trouble.append(f"the daemon's descriptors grow: {words}")
    return trouble, words


def soak(minutes: float, form: Form, seed: int, say: Say) -> tuple[list[Result], str]:
    """Every broadcast of it, and the figures in words."""
    clips = [clip(codec, form.width, form.height, _CLIP) for codec in CODECS]
    with Stage(settings(form, CODECS), channels=len(CODECS) * (2 + round(minutes * 60 / _CLIP))) as stage:
        assert stage.process
        meter = Meter(stage.process.pid)
        measuring = Thread(target=meter.run, name="meter", daemon=True)
        measuring.start()
        results = _Soak(stage, seed, say).run(clips, minutes * 60)
        trouble, words = growth(meter.samples)
        meter.stop()
        measuring.join()
        trouble += [f"{one} is left over" for one in stage.children("ffmpeg")]
    _blame(results, trouble + stage.trouble)
    return results, words


def _blame(results: list[Result], trouble: list[str]) -> None:
    if trouble:
        results.append(Result(NAME, "all", trouble=trouble))


class _Soak:
    """The broadcasts that are on now, and what hits them."""

    def __init__(self, stage: Stage, seed: int, say: Say) -> None:
        self._stage, self._say = stage, say
        self._chance = Random(f"{seed} {NAME}")
        self._on_air: dict[str, Cast] = {}
        self._over = Event()

    def run(self, clips: list[Clip], seconds: float) -> list[Result]:
        with ThreadPoolExecutor(len(clips)) as pool:
            ends = time.monotonic() + seconds
            playing = [pool.submit(self._play, one, ends) for one in clips]
            while time.monotonic() < ends - _CALM[1] and not self._over.is_set():
                time.sleep(self._chance.uniform(*_CALM))
                self._strike()
            return [result for one in playing for result in one.result()]

    def _strike(self) -> None:
        casts = [cast for cast in self._on_air.copy().values() if cast.id]
        if not casts:
            return
        if self._chance.randrange(_WHOLE_ONE_IN):
            act, casts = self._chance.choice(_ALONE), [self._chance.choice(casts)]
        else:
            act = self._chance.choice(_WHOLE)
        try:
            act(Scene(self._stage, tuple(casts), self._chance))
        except Exception as error:  # the broadcast may have ended just now
            self._say(f"soak: a fault that did not strike: {error}")

    def _play(self, one: Clip, ends: float) -> list[Result]:
        results = []
        while time.monotonic() + one.seconds < ends and not self._over.is_set():
            results.append(self._broadcast(one))
            self._say(str(results[-1]))
            if results[-1].trouble:
                self._say(f"    the server's log, its end:\n{self._stage.last_words()}")
        return results

    def _broadcast(self, one: Clip) -> Result:
        result, cast = Result(NAME, one.codec), Cast(self._stage, one)
        try:
            cast.wait_on_air(1.0, _END_SECONDS)
            self._on_air[one.codec] = cast
            result.trouble += cast.finish(one.seconds + _END_SECONDS)
            self._on_air.pop(one.codec)
            result.standstill = cast.standstill
            found = cast.autopsy()
            result.verdicts = found.renditions
            result.trouble += found.complaints
        except Exception as error:
            result.trouble.append(f"{type(error).__name__}: {error}")
        finally:
            self._on_air.pop(one.codec, None)
            cast.close()
        return result
