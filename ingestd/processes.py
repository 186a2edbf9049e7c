"""Child processes: none outlives its owner, none inherits what it should not have.

Every child gets a process group of its own, a signal from the kernel when its parent dies, no
core dumps, a bounded number of descriptors, no way to gain privileges, a scratch directory and an
environment with nothing of ours in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingestd.errors import StartError
from ingestd.tasks import Tasks

_LAST_LINES = 40
_LINE_LIMIT = 64 * 1024  # bytes; a longer line is cut by the reader
_LAST_WORDS_SECONDS = 2.0  # for reading stderr to its end, should something else still hold the pipe


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: its exit code, or the signal that killed it, and its last words."""

    code: int | None
    signal: int | None
    lines: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.code == 0

    def __str__(self) -> str:
        how = f"killed by {signal.Signals(self.signal).name}" if self.signal else f"exit code {self.code}"
        return f"{how}: {self.lines[-1]}" if self.lines else how


class Child:
    """One process, one life."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self._tasks = Tasks(f"child/{name}-{process.pid}")
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._exit: Exit | None = None  # once it is reaped, its number may be another's
        self._errors: asyncio.Task[None] | None = None
        self.pid = process.pid

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        name: str,
        cwd: Path,
        stdin: int | None = None,
        on_line: Callable[[str], None] | None = None,
        ignore: tuple[str, ...] = (),
        death_signal: str = "KILL",
        descriptors: int = 256,
    ) -> Child:
        """Start ``argv`` (never through a shell); every line of its stderr goes to ``on_line``.

        Lines that contain one of ``ignore`` are neither reported nor kept.
        """
        guard = ["setpriv", "--pdeathsig", death_signal, "--no-new-privs"]
        files = min(descriptors, resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # only root may go above
        limits = ["prlimit", "--core=0", f"--nofile={files}:{files}"]
        try:
            process = await asyncio.create_subprocess_exec(
                *guard,
                *limits,
                *argv,
                stdin=stdin if stdin is not None else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=cwd,
                env=clean_environment(cwd),
                start_new_session=True,
                limit=_LINE_LIMIT,
            )
        except OSError as error:
            raise StartError(f"{name} cannot be started: {error}") from error
        child = cls(process, name)
        child._errors = child._tasks.spawn(child._read_errors(on_line, ignore), "stderr")
        return child

    async def _read_errors(self, on_line: Callable[[str], None] | None, ignore: tuple[str, ...]) -> None:
        assert self._process.stderr is not None
        async for line in _lines(self._process.stderr):
            if any(words in line for words in ignore):
                continue
            self._lines.append(line)
            if on_line:
                on_line(line)

    def output(self) -> AsyncIterator[str]:
        """The lines of its stdout."""
        assert self._process.stdout is not None
        return _lines(self._process.stdout)

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> Exit:
        """Until it has ended and all its stderr was read."""
        if self._exit is not None:
            return self._exit
        code = await self._process.wait()
        self.signal(signal.SIGKILL)  # whatever it left behind in its group
        if self._errors:
            await asyncio.wait({self._errors}, timeout=_LAST_WORDS_SECONDS)
        await self._tasks.close()
        self._exit = Exit(None if code < 0 else code, -code if code < 0 else None, tuple(self._lines))
        return self._exit

    def signal(self, number: int) -> None:
        """Send a signal to the whole process group, if any of it is left."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def stop(self, grace: float) -> Exit:
        """SIGTERM, then SIGKILL after ``grace`` seconds; reaped in any case."""
        if self.running:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), grace)
            self.signal(signal.SIGKILL)
        return await self.wait()


def clean_environment(scratch: Path) -> dict[str, str]:
    """What a child may know: where programs are, and a place for scratch files."""
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    return {
        "PATH": f"{path}:/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
    }


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # longer than the limit: the reader has thrown it away
            continue
        if not line:
            return
        if text := line.decode(errors="replace").rstrip():
            yield text


async def run(argv: Sequence[str], *, name: str, cwd: Path, seconds: float) -> tuple[Exit, str]:
    """Run a short-lived program to its end; its exit and its stdout. Killed after ``seconds``."""
    child = await Child.start(argv, name=name, cwd=cwd)
    lines: list[str] = []
    try:
        async with asyncio.timeout(seconds):
            lines = [line async for line in child.output()]
            return await child.wait(), "\n".join(lines)
    except TimeoutError:
        return await child.stop(0), "\n".join(lines)
    except asyncio.CancelledError:
        await child.stop(0)
        raise
