"""Random faults for minutes on one server: do memory and descriptors stay flat?

Three broadcasts, one of each codec, end and begin anew all the time, every other one with a switch of
its source; every few seconds a fault hits one of them, or all. Each broadcast is looked at when it is
over, as everywhere else. The daemon dies too, by SIGKILL and by SIGTERM, but in the first quarter
only: what is measured is a process, and the one that is left has to live for the rest. It has until
the end of the first third to get warm: its first broadcasts bring modules, buffers and threads that
stay. From then on nothing may grow, so the middle third is held against the last. Each stands for
itself with what a tenth of its samples exceed: that is what all broadcasts on air at once take, while a
median would be that of a lull as often as not.

Two faults are not in the mix. A disk that can be filled has to be small, and the segments of so many
broadcasts are not; a large one would be made of the machine's memory. A clock that can be stepped
takes libfaketime in every process, whose memory and descriptors would be measured with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from signal import SIGKILL, SIGTERM
from statistics import quantiles
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
    throttle,
)
from tests.chaos.form import Form, settings
from tests.chaos.play import switched
from tests.chaos.result import Result, worst_skew
from tests.chaos.stage import Stage

NAME = "soak"
_CALM = (4.0, 12.0)  # seconds between two faults
_CLIP = 40  # seconds of each broadcast
_END_SECONDS = 120.0
_DEATHS = (SIGKILL, SIGTERM) * 2
_DEADLY = 0.25  # of the time, in which the daemon dies
_FEWEST = 30  # samples, a second apart, in a third
_MORE_MEMORY = 8.0  # MB (10^6 bytes) from third to third: the heap of a healthy one grows by one or two
_MORE_DESCRIPTORS = 6  # of some 45; one lost with each fault would be 20 more

_ALONE: tuple[Act, ...] = (
    *(kill_encoder, stop_encoder, cut(1), cut(5), black_hole(5), throttle(8), kill_encoder_and_cut(2)),
)
_WHOLE: tuple[Act, ...] = (kill_nginx, kill_nginx_worker)
_WHOLE_ONE_IN = 6  # faults that hit all broadcasts

Say = Callable[[str], None]


@dataclass(slots=True)
class Meter:
    """Samples of the daemon that lives, a second apart: when, MB resident, descriptors."""

    stage: Stage
    samples: list[tuple[float, float, int]] = field(default_factory=list)
    _over: Event = field(default_factory=Event)

    def run(self) -> None:
        while not self._over.wait(1.0):
            with suppress(psutil.Error):
                assert self.stage.process
                process = psutil.Process(self.stage.process.pid)
                sample = (time.monotonic(), process.memory_info().rss / 1e6, process.num_fds())
                self.samples.append(sample)

    def stop(self) -> None:
        self._over.set()


def growth(samples: list[tuple[float, float, int]]) -> tuple[list[str], str]:
    """What has grown too much from the middle third to the last, and the figures in words. Pure."""
    third = len(samples) // 3
    if third < _FEWEST:
        return [], "too short for figures of memory and descriptors"
    early, late = samples[third : 2 * third], samples[2 * third :]
    memory, descriptors = ([_high(one[which] for one in span) for span in (early, late)] for which in (1, 2))
    words = "memory {:.0f} → {:.0f} MB, descriptors {:.0f} → {:.0f}".format(*memory, *descriptors)
    trouble = []
    if memory[1] > memory[0] + _MORE_MEMORY:
        trouble.append(f"the daemon's memory grows: {words}")
    if descriptors[1] > descriptors[0] + _MORE_DESCRIPTORS:
        trouble.append(f"the daemon's descriptors grow: {words}")
    return trouble, words


def _high(values: Iterable[float]) -> float:
    """What a tenth of them exceed."""
    return quantiles(values, n=10)[-1]


def soak(minutes: float, form: Form, seed: int, say: Say) -> tuple[list[Result], str]:
    """Every broadcast of it, and the figures in words."""
    clips = [
        (clip(codec, form.width, form.height, _CLIP), switched(codec, form, _CLIP // 2)) for codec in CODECS
    ]
    with Stage(settings(form, CODECS), channels=len(CODECS) * (2 + round(minutes * 60 / _CLIP))) as stage:
        meter = Meter(stage)
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

    def run(self, clips: Sequence[Sequence[Clip]], seconds: float) -> list[Result]:
        began = time.monotonic()
        ends = began + seconds
        deaths = deaths_of(self._chance, seconds)
        with ThreadPoolExecutor(len(clips)) as pool:
            playing = [
                pool.submit(self._play, codec, some, ends) for codec, some in zip(CODECS, clips, strict=True)
            ]
            while time.monotonic() < ends - _CALM[1] and not self._over.is_set():
                time.sleep(self._chance.uniform(*_CALM))
                if deaths and time.monotonic() - began >= deaths[0][0]:
                    self._kill_daemon(deaths.pop(0)[1])
                else:
                    self._strike()
            return [result for one in playing for result in one.result()]

    def _kill_daemon(self, number: int) -> None:
        for cast in self._on_air.copy().values():
            cast.struck()
        try:
            self._stage.restart(number)
            self._stage.wait_ready()
        except Exception as error:
            self._stage.trouble.append(f"the daemon did not come back: {error}")

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

    def _play(self, codec: str, clips: Sequence[Clip], ends: float) -> list[Result]:
        results: list[Result] = []
        while time.monotonic() + _CLIP < ends and not self._over.is_set():
            results.append(self._broadcast(codec, clips[len(results) % len(clips)]))
            self._say(str(results[-1]))
            if results[-1].trouble:
                self._say(f"    the server's log, its end:\n{self._stage.last_words()}")
        return results

    def _broadcast(self, codec: str, one: Clip) -> Result:
        result, cast = Result(NAME, codec), Cast(self._stage, one, self._stage.channel())
        try:
            cast.wait_on_air(1.0, _END_SECONDS)
            self._on_air[codec] = cast
            result.trouble += cast.finish(one.seconds + _END_SECONDS)
            self._on_air.pop(codec)
            result.standstill = cast.standstill
            found = cast.autopsy()
            result.verdicts = found.renditions
            result.trouble += found.complaints
            if cast.fault:
                result.before, result.after = worst_skew(found.renditions, cast.fault)
        except Exception as error:
            result.trouble.append(f"{type(error).__name__}: {error}")
        finally:
            self._on_air.pop(codec, None)
            cast.close()
        return result


def deaths_of(chance: Random, seconds: float) -> list[tuple[float, int]]:
    """When the daemon dies (seconds since the beginning), and by which signal."""
    moments = sorted(chance.uniform(0, seconds * _DEADLY) for _ in _DEATHS)
    return list(zip(moments, chance.sample(_DEATHS, len(_DEATHS)), strict=True))
