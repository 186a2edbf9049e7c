"""Faults of those who run ingestd as a service, struck in boxes: a Debian with systemd, and one with Docker.

A box is made once (tests/boxes), has this checkout installed as the README says, and plays one strike after
the other by itself (:mod:`tests.boxes.chaos`); the boxes side by side. Nobody watches in there. Twelve
strikes of each fault last a quarter of an hour.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from signal import SIGKILL, SIGTERM

from tests.boxes.chaos import Strike, told
from tests.chaos.clip import CODECS
from tests.chaos.form import FORMS, moment
from tests.chaos.result import Result
from tests.chaos.stage import can_mount

_ROOT = Path(__file__).parents[2]
_BOXES = _ROOT / "tests/boxes"
_SECONDS = (600, 240)  # that a box may be up, and for each strike
_STOP_SECONDS = 120.0  # for a box to go, and to be taken away
_LAST = 8  # lines of a box that failed

Say = Callable[[str], None]


def cache() -> str:
    """Where boxes are kept, as in the Makefile."""
    return os.environ.get("INGESTD_BOX_CACHE") or f"{Path.home()}/.cache/ingestd-boxes"


@dataclass(frozen=True, slots=True)
class Box:
    """``tools``: commands that it takes; its script installs them where there is apt-get."""

    script: str
    words: tuple[str, ...]
    tools: tuple[str, ...]

    def command(self, form: str, strikes: Sequence[Strike]) -> list[str]:
        return [str(_BOXES / self.script), cache(), *self.words, form, *map(str, strikes)]


SYSTEMD = Box(
    "systemd-box.sh",
    ("bookworm", str(_BOXES / "systemd/install"), str(_BOXES / "systemd/chaos")),
    ("mmdebstrap", "systemd-nspawn"),
)
DOCKER = Box("docker-box.sh", (str(_ROOT), str(_BOXES / "docker/chaos")), ("mmdebstrap", "slirp4netns"))


@dataclass(frozen=True, slots=True)
class Boxed:
    """A fault that the box of its service knows how to strike."""

    name: str
    sentence: str
    box: Box

    def obstacle(self) -> str:
        """Why it cannot be done on this machine; empty: it can."""
        if os.geteuid() != 0:
            return "a box takes root"
        if not can_mount():
            return "no file system can be mounted here"
        missing = [tool for tool in self.box.tools if not shutil.which(tool)]
        if missing and not shutil.which("apt-get"):
            return f"{missing[0]} is missing, and so is apt-get"
        return ""

    def strike(self, codecs: tuple[str, ...], form: str, seed: int, number: int = 0) -> Strike:
        chance = Random(f"{seed} {self.name} {number} {' '.join(codecs)}")
        return Strike(self.name, codecs, moment(FORMS[form], chance))


BOXED = (
    Boxed("service-restarted", "the service is restarted (`systemctl restart ingestd`)", SYSTEMD),
    Boxed(
        "services-restarted",
        "both services are restarted (`systemctl restart ingestd ingestd-nginx`)",
        SYSTEMD,
    ),
    Boxed(
        "container-replaced",
        "the container is replaced (`docker compose up --force-recreate --no-deps ingestd`)",
        DOCKER,
    ),
)


def strikes(chosen: Sequence[Boxed], form: str, seed: int, times: int | None) -> list[Strike]:
    """So many of each fault, each at one broadcast, codecs in turns; None: one, at all codecs at once."""
    if times is None:
        return [one.strike(CODECS, form, seed) for one in chosen]
    return [
        one.strike((CODECS[number % len(CODECS)],), form, seed, number)
        for number in range(times)
        for one in chosen
    ]


def run(chosen: Sequence[Boxed], form: str, seed: int, times: int | None, say: Say) -> list[Result]:
    """Play it all; says what the boxes say."""
    boxes = dict.fromkeys(one.box for one in chosen)
    with ThreadPoolExecutor(max(1, len(boxes))) as pool, ExitStack() as stack:
        playing = []
        for box in boxes:
            planned = strikes([one for one in chosen if one.box is box], form, seed, times)
            process = _start(box.command(form, planned), len(planned))
            stack.callback(_end, process)
            playing.append((planned, process, pool.submit(_listen, process, say)))
        return [
            result
            for planned, process, lines in playing
            for result in results(planned, lines.result(), process.wait())
        ]


def results(planned: Sequence[Strike], lines: Sequence[str], code: int) -> list[Result]:
    """A box's broadcasts, by what it said and its exit code. Those of which it did not tell are not well."""
    found = [result for line in lines if (result := told(line))]
    due = Counter((strike.fault, codec) for strike in planned for codec in strike.codecs)
    due -= Counter((result.fault, result.codec) for result in found)
    silent = [Result(*which, trouble=["the box has not told of it"]) for which in due.elements()]
    if code:
        last = " / ".join([line for line in lines if not told(line)][-_LAST:])
        for result in found + silent:
            result.trouble.append(f"the box ended with exit code {code}: {last}")
    return found + silent


def _start(command: Sequence[str], count: int) -> subprocess.Popen[str]:
    seconds = _SECONDS[0] + _SECONDS[1] * count
    return subprocess.Popen(
        command,
        env={**os.environ, "BOX_TIMEOUT": str(seconds)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _listen(process: subprocess.Popen[str], say: Say) -> list[str]:
    assert process.stdout
    lines = []
    with process.stdout as said:
        for line in said:
            lines.append(line.rstrip("\n"))
            result = told(lines[-1])
            say(str(result) if result else f"    {lines[-1]}")
    return lines


def _end(process: subprocess.Popen[str]) -> None:
    """And what it has started, on the way out."""
    if process.poll() is not None:
        return
    for number in (SIGTERM, SIGKILL):
        os.killpg(process.pid, number)
        try:
            process.wait(_STOP_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue
