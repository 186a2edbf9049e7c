"""Which scenes are played when: in lanes side by side, each with one server after the other.

The short form plays each fault once. Connections and encoders do not disturb one another, so their
faults share one server, a broadcast each; a fault of nginx, of the daemon or of the machine has a
server to itself, with all three codecs on it at once. Its clips last 14 s, however long a fault
lasts: when the connection is away for 50 s the recording is over long before it comes back, and the
publisher has all the rest to send then. Six minutes leave no room for more.

The full form strikes so many times, each time at a random moment of its own and a single broadcast,
the codecs in turns. Faults of one broadcast share a server by threes. A fault of a whole server has a
server with one broadcast: that is cheap, and three at once would be one moment, not three. Recording
goes on for as long as the fault does and some time beyond.

What it takes was chosen for two cores, on which the former full form (recordings of 64 s and more, two
browsers at any time) was an hour and a half of overload. A second of a broadcast of 640x360 in two
renditions takes up to half a second of a core, all told: recording, encoding, serving, examination. A
browser that watches takes as much again. So clips are short, one lane of each kind has to do (four
broadcasts at once), and one strike in :data:`_WATCHED_ONE_IN` is watched: of twelve strikes of a fault
that is one of each codec. A scene lasts as long as its longest clip and some ten seconds more for the
server's start, the last segments and the examination; all in all fifty minutes.

Publishers who keep nothing (by RTMP, by WHIP) are struck as well by what they have to outlive, on servers of
their own: in the full form ten times each at the end of the first lane, and three times at the end of the
second. By WHIP that takes a network of their own (Janus uses no loopback), and is left out where there can
be none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import zip_longest
from random import Random
from threading import Lock

from tests.chaos.clip import CODECS, RTMP, WHIP, Clip
from tests.chaos.faults import Fault
from tests.chaos.form import FULL, QUICK, Form, settings
from tests.chaos.play import clip_for, clip_seconds, play
from tests.chaos.result import Result
from tests.chaos.stage import Stage, why_no_webrtc
from tests.chaos.viewer import available
from tests.support.network import own_network

WATCHED = ("encoder-killed",)
"""Where a viewer watches in the short form: a browser takes as much of the machine as ten broadcasts."""

_WATCHED_ONE_IN = 4  # strikes in the full form; no multiple of the number of codecs
_TOGETHER = len(CODECS)  # broadcasts that share a server in the full form
_TIMES = {RTMP: 10, WHIP: 3}  # strikes of a fault at most: the form is long as it is

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part:
    """A fault with the codecs that it hits at once; ``number`` tells its repetitions apart."""

    fault: Fault
    codecs: tuple[str, ...]
    number: int = 0
    viewer: bool = False

    def chance(self, seed: int) -> Random:
        """Where its random moment comes from: no other part's."""
        return Random(f"{seed} {self.fault.name} {self.number} {' '.join(self.codecs)}")


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

    @property
    def parts(self) -> list[Part]:
        return [part for lane in self.lanes for act in lane for part in act.parts]

    @property
    def seconds(self) -> float:
        """What it lasts at least on a machine that takes no time for anything: its clips and its faults."""
        return max(sum(max(self._lasts(part) for part in act.parts) for act in lane) for lane in self.lanes)

    def _lasts(self, part: Part) -> float:
        recorded = clip_seconds(part.fault, self.form, watched=part.viewer)
        return recorded + (0.0 if self.form.longer else part.fault.lasts)


def short(faults: Sequence[Fault], seed: int, *, viewer: bool) -> Plan:
    """Each fault once: of one broadcast all at a time, in turns of codecs; of the server with all three."""
    watched = WATCHED if viewer and available() else ()
    alone = sorted((one for one in faults if one.codecs and not one.whole), key=lambda one: -one.lasts)
    parts = [
        Part(one, (CODECS[turn % len(CODECS)],), viewer=one.name in watched) for turn, one in enumerate(alone)
    ]
    whole = [Act((Part(one, CODECS, viewer=one.name in watched),)) for one in faults if one.whole]
    acts = (Act(tuple(parts)),) if parts else ()
    return Plan(QUICK, ((*acts, *_others(RTMP, faults, 1)), (*whole, *_others(WHIP, faults, 1))), seed)


def _others(codec: str, faults: Sequence[Fault], times: int) -> list[Act]:
    """What publishers that keep nothing have to outlive, so many times."""
    if codec == WHIP and why_no_webrtc():
        return []
    acts = []
    for number in range(min(times, _TIMES[codec])):
        parts = [Part(one, (codec,), number) for one in faults if codec in one.keeping_nothing]
        together = tuple(part for part in parts if not part.fault.whole)
        acts += [Act(together)] * bool(together) + [Act((part,)) for part in parts if part.fault.whole]
    return acts


def full(faults: Sequence[Fault], seed: int, times: int, *, quick: bool, viewer: bool) -> Plan:
    """Each fault strikes so many times, each time one broadcast; the faults in turns."""
    strikes = {
        one.name: [
            Part(one, (CODECS[number % len(CODECS)],), number, viewer and number % _WATCHED_ONE_IN == 0)
            for number in range(times)
        ]
        for one in faults
        if one.codecs
    }
    alone, whole = (
        tuple(
            Act(tuple(strikes[one.name][first : first + together]))
            for first in range(0, times, together)
            for one in faults
            if one.codecs and one.whole == whole
        )
        for whole, together in ((False, _TOGETHER), (True, 1))
    )
    alone, whole = (*alone, *_others(RTMP, faults, times)), (*whole, *_others(WHIP, faults, times))
    return Plan(QUICK if quick else FULL, (alone, whole), seed)


def run(plan: Plan, say: Say) -> list[Result]:
    """Play it all; says a line for each beginning and each end."""
    _prepare(plan, say)
    teller = Teller(say)
    with ThreadPoolExecutor(max(1, len(plan.lanes))) as pool:
        lanes = [pool.submit(_lane, lane, plan, teller.say) for lane in plan.lanes]
        return [result for lane in lanes for result in lane.result()]


def _prepare(plan: Plan, say: Say) -> None:
    """Make every clip first: it takes all of the machine."""
    began = time.monotonic()
    for part in plan.parts:
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
    codecs = {codec for part in act.parts for codec in part.codecs}
    stage = Stage(
        settings(plan.form, codecs),
        small_disk=any(one.small_disk for one in faults),
        clock=any(one.clock for one in faults),
    )
    try:
        network = own_network() if WHIP in codecs else nullcontext()
        with network, stage, ThreadPoolExecutor(len(act.parts)) as pool:
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
    clips = _clips(part, plan)
    say(f"{part.fault.name}: begins, {' '.join(part.codecs)}")
    results = play(stage, part.fault, clips, plan.form, part.chance(plan.seed), viewer=part.viewer)
    for codec, result in zip_longest(part.codecs, results):
        result.codec = codec
        say(str(result))
    if any(not one.well for one in results) and stage.last_words():
        say(f"    the server's log, its end:\n{stage.last_words()}")
    return results


class Teller:
    """One line at a time, with the seconds since the start."""

    def __init__(self, say: Say) -> None:
        self._say, self._lock, self._began = say, Lock(), time.monotonic()

    def say(self, words: str) -> None:
        with self._lock:
            self._say(f"{time.monotonic() - self._began:6.1f} s  {words}")
