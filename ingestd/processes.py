"""Child processes: none outlives its owner, none inherits what it should not have.

Every child gets a process group of its own, a signal from the kernel when its parent dies, no
core dumps, a bounded number of descriptors, bounds on memory and priority where it is asked for, no
way to gain privileges, a scratch directory and an environment with nothing of ours in it. What the
kernel's signal missed (a parent that dies in the same moment as it makes a child, an nginx that was
stopped) :func:`end_orphans` ends when the next daemon starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from ingestd.errors import StartError
from ingestd.log import redact
from ingestd.tasks import Tasks

_MIB = 1024 * 1024
_OOM_SCORE = 500  # thousandths of all memory that are added to what it has
_LAST_LINES = 40
_LINE_LIMIT = 64 * 1024  # bytes; a longer line is cut by the reader
_LAST_WORDS_SECONDS = 2.0  # for reading stderr to its end, should something else still hold the pipe
_ORPHANS_SECONDS = 2.0  # until what was killed is gone; a process that hangs in the kernel may stay
_ORPHANS_POLL = 0.02


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


@dataclass(frozen=True, slots=True)
class Account:
    """Numbers of a user and of its group."""

    user: int
    group: int


class Child:
    """One process, one life."""

    def __init__(self, process: subprocess.Popen[bytes], name: str) -> None:
        """Raises OSError where there is no room for another descriptor."""
        self._process = process
        self._tasks = Tasks(f"child/{name}-{process.pid}")
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._exit: Exit | None = None
        self._logs: set[asyncio.Task[None]] = set()
        self._pipes: list[_Pipe] = []
        self._gone = asyncio.Event()
        self._watched = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(self._watched, self._reap)
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
        nice: int = 0,
        memory: int = 0,
        expendable: bool = False,
        account: Account | None = None,
        talks: bool = False,
    ) -> Child:
        """Start ``argv`` (never through a shell); every line of its stderr goes to ``on_line``.

        Lines that contain one of ``ignore`` are neither reported nor kept. ``nice`` is added to our
        own niceness. ``memory`` bounds heap, private mappings and stacks of threads (RLIMIT_DATA),
        in MiB; 0: no bound. ``expendable``: rather it than us, when the kernel has to kill somebody for
        want of memory. ``account``: whom it runs as, with no group but that account's and no capability,
        for good; only root may say so. ``talks``: its stdout is a log like its stderr, and read with it.
        Raises :class:`StartError` when the machine has no room for a process.
        """
        guard = ["setpriv", "--pdeathsig", death_signal, "--no-new-privs", *_as(account)]
        try:
            process = _spawn([*guard, *_limits(descriptors, nice, memory), *argv], cwd, stdin)
        except OSError as error:
            raise StartError(f"{name} cannot be started: {error}") from error
        try:
            child = cls(process, name)
        except OSError as error:
            _discard(process)
            raise StartError(f"{name} cannot be watched: {error}") from error
        if expendable:
            _first_to_go(process.pid)
        try:
            child._connect(on_line, ignore, talks)
        except BaseException:
            await child.stop(0)
            raise
        return child

    def _connect(self, on_line: Callable[[str], None] | None, ignore: tuple[str, ...], talks: bool) -> None:
        assert self._process.stdout is not None and self._process.stderr is not None
        self._output = self._reader(self._process.stdout)
        errors = self._reader(self._process.stderr)
        logs = {"stderr": errors} | ({"stdout": self._output} if talks else {})
        self._logs = {
            self._tasks.spawn(self._read_log(stream, on_line, ignore), name) for name, stream in logs.items()
        }

    def _reader(self, pipe: IO[bytes]) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=_LINE_LIMIT)
        self._pipes.append(_Pipe(pipe, reader))
        return reader

    async def _read_log(
        self, stream: asyncio.StreamReader, on_line: Callable[[str], None] | None, ignore: tuple[str, ...]
    ) -> None:
        async for line in _lines(stream):
            if any(words in line for words in ignore):
                continue
            line = redact(line)  # nginx quotes requests, FFmpeg addresses; what it says is shown, too
            self._lines.append(line)
            if on_line:
                on_line(line)

    def output(self) -> AsyncIterator[str]:
        """The lines of its stdout."""
        return _lines(self._output)

    async def read(self, count: int) -> bytes:
        """The next bytes of its stdout, at most so many, instead of lines; empty at its end."""
        return await self._output.read(count)

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    def _reap(self) -> None:
        if self._process.poll() is not None:
            self._unwatch()
            self._gone.set()

    def _unwatch(self) -> None:
        asyncio.get_running_loop().remove_reader(self._watched)
        os.close(self._watched)

    async def wait(self) -> Exit:
        """Until it has ended and all its stderr was read."""
        await self._gone.wait()
        if self._exit is not None:
            return self._exit
        self.signal(signal.SIGKILL)  # whatever it left behind in its group
        if self._logs:
            await asyncio.wait(self._logs, timeout=_LAST_WORDS_SECONDS)
        await self._tasks.close()
        for pipe in self._pipes:
            pipe.close()  # nobody may have read it to its end
        code = self._process.returncode
        self._exit = Exit(None if code < 0 else code, -code if code < 0 else None, tuple(self._lines))
        return self._exit

    def signal(self, number: int) -> None:
        """Send a signal to the whole process group, if any of it is left."""
        if self._exit is None:  # once that is known, its number may be another's
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    async def stop(self, grace: float) -> Exit:
        """SIGTERM, then SIGKILL after ``grace`` seconds; reaped in any case."""
        if self.running:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._gone.wait()
            self.signal(signal.SIGKILL)
        return await self.wait()


class _Pipe(asyncio.ReadTransport):
    """Reads a pipe into ``reader``, no further ahead than that allows.

    Not by ``loop.connect_read_pipe``: uvloop (0.23 and before, its issue 763) closes such a
    descriptor twice, and what a thread opened in between (a page's file, a journal) is what the
    second close closes; an encoder's pipe that then gets that number loses its first bytes to the
    thread.
    """

    def __init__(self, pipe: IO[bytes], reader: asyncio.StreamReader) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._pipe = pipe
        self._reader = reader
        os.set_blocking(pipe.fileno(), False)
        reader.set_transport(self)
        self.resume_reading()

    def resume_reading(self) -> None:
        if not self._pipe.closed:
            self._loop.add_reader(self._pipe.fileno(), self._read)

    def pause_reading(self) -> None:
        if not self._pipe.closed:
            self._loop.remove_reader(self._pipe.fileno())

    def _read(self) -> None:
        data = self._pipe.read(_LINE_LIMIT)
        if data:
            self._reader.feed_data(data)
        elif data is not None:  # None: nothing there yet
            self.close()

    def close(self) -> None:
        """Nothing more will be read; ``reader`` has come to its end."""
        if not self._pipe.closed:
            self.pause_reading()
            self._pipe.close()
            self._reader.feed_eof()


def _spawn(command: Sequence[str], cwd: Path, stdin: int | None) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, with no descriptor of ours but the three that are meant for it.

    Not by asyncio: uvloop hands down every descriptor that can be inherited, and copies of its own.
    This blocks for the millisecond that vfork and exec take.
    """
    return subprocess.Popen(
        command,
        stdin=stdin if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=cwd,
        env=clean_environment(cwd),
        start_new_session=True,
    )


def _first_to_go(pid: int) -> None:
    with contextlib.suppress(OSError):  # it is gone, or this kernel does not let us
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(_OOM_SCORE))


def _discard(process: subprocess.Popen[bytes]) -> None:
    """End a process that has just been started and that nobody will wait for."""
    process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def _limits(descriptors: int, nice: int, memory: int) -> list[str]:
    """The command that takes resources away from the one that follows it."""
    files = min(descriptors, resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # only root may go above
    command = ["prlimit", "--core=0", f"--nofile={files}:{files}"]
    if memory:
        command += [f"--data={memory * _MIB}:{memory * _MIB}"]
    return [*command, "nice", "-n", str(nice)] if nice else command


def _as(account: Account | None) -> list[str]:
    """Arguments for setpriv."""
    if account is None:
        return []
    who = ["--reuid", str(account.user), "--regid", str(account.group), "--clear-groups"]
    return [*who, "--bounding-set=-all", "--inh-caps=-all"]


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


async def run(
    argv: Sequence[str], *, name: str, cwd: Path, seconds: float, nice: int = 0, memory: int = 0
) -> tuple[Exit, str]:
    """Run a short-lived program to its end; its exit and its stdout. Killed after ``seconds``."""
    child = await Child.start(argv, name=name, cwd=cwd, nice=nice, memory=memory)
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


async def end_orphans(directories: Sequence[Path]) -> list[int]:
    """Kill what an earlier life of this daemon left behind; the numbers of the processes.

    Our children work in directories of ours: whatever has one of ``directories``, or a place below
    it, as its working directory is one of them, with all that it has started itself. Who looks
    around there in a terminal is spared, and so is what belongs to this life. Returns when they are
    gone, or after two seconds.
    """
    places = [directory.resolve() for directory in directories]
    deadline = time.monotonic() + _ORPHANS_SECONDS
    killed: dict[int, None] = {}
    while found := _orphans(places):
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
                killed[process.pid] = None
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(_ORPHANS_POLL)  # then look again: a master may have made a new worker
    return list(killed)


def _orphans(places: Sequence[Path]) -> list[psutil.Process]:
    """Masters come before their workers, so that none is left to start a new one."""
    us = psutil.Process()
    ours = {us.pid, *(one.pid for one in (*us.parents(), *us.children(recursive=True)))}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in ours and _was_ours(process, places):
                family = (process, *process.children(recursive=True))
                found |= {one.pid: one for one in family if one.status() != psutil.STATUS_ZOMBIE}
    return list(found.values())


def _was_ours(process: psutil.Process, places: Sequence[Path]) -> bool:
    """Whether it works in one of our places, without a terminal and in another session than ours."""
    where = Path(process.cwd())  # AccessDenied for those of other users
    if not any(where.is_relative_to(place) for place in places):
        return False
    # proc(5); psutil knows only the terminals that there were when it was asked first
    stat = Path(f"/proc/{process.pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    session, terminal = stat[3], stat[4]
    return terminal == "0" and int(session) != os.getsid(0)
