"""Which scenes are played when: in lanes side by side, each with one server after the other.

Connections and encoders do not disturb one another, so their faults can share a server; a fault of
nginx, of the daemon or of the machine has one to itself, with all three codecs on it at once. Faults of
the encoder strike RTMP publishers as well, on a server of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from random import Random
from threading import Lock

from tests.chaos.clip import CODECS, RTMP, Clip
from tests.chaos.faults import Fault
from tests.chaos.play import FULL, QUICK, Form, Result, clip_for, play, settings
from tests.chaos.stage import Stage
from tests.chaos.viewer import available

WATCHED = ("encoder-killed",)
"""Where a viewer watches in the short form: a browser takes as much of the machine as ten broadcasts."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part:
    """A fault with the codecs that it hits at once; ``number`` tells its repetitions apart."""

    fault: Fault
    codecs: tuple[str, ...]
    number: int = 0
    viewer: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Parts that are played side by side on a server of their own."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Acts in lanes: one after the other in each, the lanes side by side."""

    form: Form
    lanes: tuple[tuple[Act, ...], ...]
    seed: int


def short(faults: Sequence[Fault], seed: int, *, viewer: bool) -> Plan:
    """Each fault once: of one broadcast all at a time, in turns of codecs; of the server with all three."""
    watched = WATCHED if viewer and available() else ()
    alone = sorted((one for one in faults if not one.whole), key=lambda one: -one.lasts)
    parts = [
        Part(one, (CODECS[turn % len(CODECS)],), viewer=one.name in watched) for turn, one in enumerate(alone)
    ]
    whole = [Act((Part(one, CODECS, viewer=one.name in watched),)) for one in faults if one.whole]
    acts = (Act(tuple(parts)),) if parts else ()
    return Plan(QUICK, ((*acts, *by_rtmp(faults)), tuple(whole)), seed)


def by_rtmp(faults: Sequence[Fault], number: int = 0) -> tuple[Act, ...]:
    """What a publisher that keeps nothing has to outlive."""
    parts = tuple(Part(one, (RTMP,), number) for one in faults if one.inside)
    return (Act(parts),) if parts else ()


def full(faults: Sequence[Fault], seed: int, times: int, *, quick: bool, viewer: bool) -> Plan:
    """Each fault at least so many times, all codecs side by side, the faults in turns."""
    rounds = -(-times // len(CODECS))
    lanes = []
    for whole in (False, True):
        chosen = [one for one in faults if one.whole == whole]
        acts = [[Act((Part(one, CODECS, number, viewer),)) for one in chosen] for number in range(rounds)]
        lanes.append(tuple(act for row in acts for act in row))
    lanes[0] += tuple(act for number in range(times) for act in by_rtmp(faults, number))
    return Plan(QUICK if quick else FULL, tuple(lanes), seed)


def run(plan: Plan, say: Say) -> list[Result]:
    """Play it all; says a line for each beginning and each end."""
    _prepare(plan, say)
    teller = _Teller(say)
    with ThreadPoolExecutor(max(1, len(plan.lanes))) as pool:
        lanes = [pool.submit(_lane, lane, plan, teller.say) for lane in plan.lanes]
        return [result for lane in lanes for result in lane.result()]


def _prepare(plan: Plan, say: Say) -> None:
    """Make every clip first: it takes all of the machine."""
    began = time.monotonic()
    for lane in plan.lanes:
        for act in lane:
            for part in act.parts:
                _clips(part, plan)
    say(f"clips made in {time.monotonic() - began:.0f} s")


def _clips(part: Part, plan: Plan) -> list[Clip]:
    return [clip_for(part.fault, codec, plan.form, watched=part.viewer) for codec in part.codecs]


def _lane(acts: Sequence[Act], plan: Plan, say: Say) -> list[Result]:
    return [result for act in acts for result in _act(act, plan, say)]


def _act(act: Act, plan: Plan, say: Say) -> list[Result]:
    """On a server of its own. What is wrong with the server is wrong with each broadcast."""
    faults = [part.fault for part in act.parts]
    results: list[Result] = []
    stage = Stage(
        settings(plan.form, {codec for part in act.parts for codec in part.codecs}),
        small_disk=any(one.small_disk for one in faults),
        clock=any(one.clock for one in faults),
    )
    try:
        with stage, ThreadPoolExecutor(len(act.parts)) as pool:
            played = [pool.submit(_part, stage, part, plan, say) for part in act.parts]
            results = [result for one in played for result in one.result()]
    except Exception as error:
        stage.trouble.append(f"{type(error).__name__}: {error}")
    if not results:
        results = [Result(part.fault.name, codec) for part in act.parts for codec in part.codecs]
    for words in stage.trouble:
        say(f"{' '.join(one.name for one in faults)}: {words}")
    for result in results:
        result.trouble += stage.trouble
    return results


def _part(stage: Stage, part: Part, plan: Plan, say: Say) -> list[Result]:
    chance = Random(f"{plan.seed} {part.fault.name} {part.number}")
    clips = _clips(part, plan)
    say(f"{part.fault.name}: begins, {' '.join(part.codecs)}")
    results = play(stage, part.fault, clips, plan.form, chance, viewer=part.viewer)
    for codec, result in zip_longest(part.codecs, results):
        result.codec = codec
        say(str(result))
    if any(not one.well for one in results) and stage.last_words():
        say(f"    the server's log, its end:\n{stage.last_words()}")
    return results


class _Teller:
    """One line at a time, with the seconds since the start."""

    def __init__(self, say: Say) -> None:
        self._say, self._lock, self._began = say, Lock(), time.monotonic()

    def say(self, words: str) -> None:
        with self._lock:
            self._say(f"{time.monotonic() - self._began:6.1f} s  {words}")
