"""Whether the machine can encode one broadcast more: what a ladder costs, and what is left.

A broadcast that is taken although the machine cannot encode it takes the processors away from those
that run. So its expected cost is held against what is in use already, before it is taken. The decision
is pure; :class:`Meter` reads the figures that it needs.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

# Measured with FFmpeg 5.1, x264 with zerolatency, on two shared cores: in cores, for 30 frames a second.
# Other machines need more or less, which Load learns from the encoders that run.
_DECODE = 0.056  # VP8, 720p; VP9 0.066, H.264 0.046
_RUNG = 0.071  # each rendition, whatever its size: scaling, sound, muxing
_MEGAPIXEL = 0.231  # each million of its pixels, with veryfast
_SOUND = 0.02  # a rendition without video
_HD = 1280 * 720
_AS_MEASURED = 30.0  # frames a second
# Decoding left out, 720p + 480p + 360p took 0.30 (ultrafast), 0.44, 0.57 (veryfast), 0.84 (faster) of a
# core; the last two are not measured, but follow from x264's own steps.
_PRESETS = {"ultrafast": 0.53, "superfast": 0.77, "veryfast": 1.0, "faster": 1.47, "fast": 1.9, "medium": 2.3}

_WINDOW = 10.0  # seconds over which use is averaged
_SETTLE = 3.0  # seconds from being taken until an encoder runs at full load
_COME_BACK = 15  # seconds, after which the window holds nothing of what it holds now
_ALONE = 0.5  # of what is allowed: a single broadcast is asked for no more, see Load.refusal
_LEARNING = 60.0  # seconds until a new ratio of real to expected cost has replaced most of the old
_RATIOS = (0.25, 4.0)  # whatever lies beyond is no property of a machine
_FULL = 0.95  # of the cores: above it encoders get less than they would use


def ladder_cost(
    sizes: Sequence[tuple[int, int]],
    frame_rate: float,
    preset: str,
    source: tuple[int, int] | None = None,
) -> float:
    """Cores that an encoder of these renditions (width and height in pixels) is expected to use.

    ``source`` is the size of the picture that is decoded; without it, that of the largest rendition.
    """
    pixels = [width * height for width, height in sizes]
    decoded = source[0] * source[1] if source else max(pixels, default=0)
    rungs = sum(_RUNG + _MEGAPIXEL * count / 1e6 for count in pixels if count)
    video = _DECODE * decoded / _HD + rungs * _PRESETS.get(preset, 1.0)
    return video * frame_rate / _AS_MEASURED + _SOUND * pixels.count(0)


@dataclass(frozen=True, slots=True)
class _Use:
    at: float
    seconds: float
    cores: float


class Load:
    """What the machine does, and whether there is room for one more. Pure: time is an argument.

    ``cores`` is what the machine has (:func:`cores`), ``max_load`` the share of it that may be in
    use with a new broadcast; 0 takes every one.
    """

    def __init__(self, cores: float, max_load: float) -> None:
        self._cores = cores
        self.max_load = max_load
        self._uses: deque[_Use] = deque()
        self._sampled: float | None = None
        self._encoders = 0.0  # expected cost of those that run
        self._taken: deque[tuple[float, float]] = deque()  # when, and expected cost
        self.ratio = 1.0  # cores that encoders use here for each that was expected

    @property
    def busy(self) -> float:
        """Cores in use, averaged over the last seconds."""
        seconds = sum(use.seconds for use in self._uses)
        return sum(use.cores * use.seconds for use in self._uses) / seconds if seconds else 0.0

    def sample(self, now: float, busy: float, used: float = 0.0, expected: float = 0.0) -> None:
        """Note what was measured since the last call, about once a second.

        ``busy``: cores in use, by whomever. ``used``: cores used by encoders that were kept busy by a
        live publisher all the time, and ``expected``: what :func:`ladder_cost` says of the same.
        """
        seconds = min(_WINDOW, max(0.0, now - self._sampled)) if self._sampled is not None else 1.0
        self._sampled = now
        self._uses.append(_Use(now, seconds, busy))
        while self._uses and self._uses[0].at <= now - _WINDOW:
            self._uses.popleft()
        self._encoders = expected
        if expected > 0 and used > 0 and busy < _FULL * self._cores:
            self._learn(used / expected, seconds)

    def _learn(self, ratio: float, seconds: float) -> None:
        # bounded first: what next to nothing was expected of is infinitely more
        bounded = min(max(ratio, _RATIOS[0]), _RATIOS[1])
        self.ratio += (bounded - self.ratio) * min(1.0, seconds / _LEARNING)

    def take(self, now: float, cost: float) -> None:
        """A broadcast of this expected cost was taken; its use will show some seconds later."""
        self._taken.append((now, cost))

    def starting(self, now: float) -> float:
        """Expected cost of what was taken so lately that :attr:`busy` does not show it yet."""
        while self._taken and now - self._taken[0][0] > _SETTLE + _WINDOW:
            self._taken.popleft()
        shares = ((cost, (now - at - _SETTLE) / _WINDOW) for at, cost in self._taken)
        return sum(cost * (1 - min(max(share, 0.0), 1.0)) for cost, share in shares)

    def refusal(self, cost: float, starting: float) -> tuple[str, int] | None:
        """Why a broadcast of this expected cost cannot be taken now, and after how many seconds to ask again.

        ``starting`` as :meth:`starting` tells it. Where no other broadcast is encoded a ladder that is
        too large for the machine is taken, if about half of it is free: one that falls behind goes on
        with fewer renditions (:mod:`ingestd.broadcast.pace`), and to ask again later would not help.
        """
        limit = self._cores * self.max_load
        need, coming = cost * self.ratio, starting * self.ratio
        if starting <= 0 and self._encoders <= 0:
            need = min(need, limit * _ALONE)
        if not self.max_load or self.busy + coming + need <= limit:
            return None
        others = f" those that are starting need about {coming:.1f}," if coming else ""
        words = (
            f"The machine's processors are busy: {self.busy:.1f} of {self._cores:.3g} in use,{others} and"
            f" this broadcast needs about {need:.1f}. Try again in {_COME_BACK} s."
        )
        return words, _COME_BACK


@dataclass(frozen=True, slots=True)
class Reading:
    """What was used since the last reading, in cores: by everybody, and by each encoder."""

    busy: float
    used: Mapping[int, float]


class Meter:
    """Reads the use of the processors that this process may run on.

    In a container with a CPU quota that is the use of the container, else that of the machine.
    """

    def __init__(self, cgroup: Path = Path("/sys/fs/cgroup")) -> None:
        self._cgroup = cgroup if _quota(cgroup) else None
        self._at: float | None = None
        self._busy = self._busy_seconds()
        self._encoders: dict[int, float] = {}

    def read(self, now: float, encoders: Iterable[int]) -> Reading | None:
        """Since the last call, which should be about a second ago; None at the first call.

        An encoder that was not there at the last call is left out.
        """
        busy, used = self._busy_seconds(), _seconds_of(encoders)
        since, self._at = self._at, now
        before, self._busy = self._busy, busy
        known, self._encoders = self._encoders, used
        if since is None or now <= since:
            return None
        period = now - since
        return Reading(
            max(0.0, busy - before) / period,
            {pid: max(0.0, used[pid] - known[pid]) / period for pid in used if pid in known},
        )

    def _busy_seconds(self) -> float:
        """CPU-seconds that are gone: what a hypervisor took away cannot be had either."""
        if self._cgroup:
            return _usage(self._cgroup)
        found = psutil.cpu_times(percpu=True)
        ours = [found[number] for number in os.sched_getaffinity(0) if number < len(found)]
        return float(sum(sum(one[:8]) - one.idle - one.iowait for one in ours))


def _seconds_of(pids: Iterable[int]) -> dict[int, float]:
    """CPU-seconds of each process that is there."""
    found = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            found[pid] = times.user + times.system
    return found


def cores(cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """How many processors this process may use: by its affinity, and by a container's quota."""
    count = float(len(os.sched_getaffinity(0)))
    return min(count, _quota(cgroup) or count)


def _quota(cgroup: Path) -> float | None:
    """Cores that ``cpu.max`` (cgroup v2) allows; None: as many as there are."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # there is none, or it says "max"
        return None


def memory_limit(cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that a container may take with all its processes (cgroup v2, or v1); None: no limit.

    Beyond it the kernel kills the largest of them, as a rule an encoder.
    """
    for file in (cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # there is none, or it says "max"
            limit = int(file.read_text())
            return limit if limit < psutil.virtual_memory().total else None
    return None


def _usage(cgroup: Path) -> float:
    lines = (cgroup / "cpu.stat").read_text().splitlines()
    return next((int(line.split()[1]) / 1e6 for line in lines if line.startswith("usage_usec")), 0.0)
