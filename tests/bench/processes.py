"""Processes of a benchmark: what they cost, and that none is left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGKILL

import psutil

ROOT = Path(__file__).parents[2]


@contextmanager
def spawned(
    argv: Sequence[str],
    *,
    stdout: int = subprocess.PIPE,
    stderr: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[subprocess.Popen[str]]:
    """A program with pipes of text; it and its children end with the block.

    It has a process group of its own, so that Ctrl-C reaches the benchmark alone, and it is killed
    by the kernel should the benchmark itself be.
    """
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *argv],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        text=True,
        cwd=cwd,
        env=env,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        process.wait()


def cpu(pid: int) -> float:
    """CPU-seconds of a process so far, user and system, without its children."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def cpu_of_children(pid: int) -> float:
    """CPU-seconds of all its children that have ended and were reaped, and of theirs."""
    times = psutil.Process(pid).cpu_times()
    return float(times.children_user + times.children_system)


def resident(pid: int) -> float:
    """MB (10^6 bytes) of a process that are in memory."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6
