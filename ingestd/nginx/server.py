"""nginx as a child of ``ingestd up``: started, watched, started again, ended."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import pwd
import random
import signal
import time
from pathlib import Path

import structlog

from ingestd.errors import StartError
from ingestd.nginx.certificate import Certificate
from ingestd.processes import Child, Exit, run
from ingestd.record import Record, sentence
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.nginx")

_READY_SECONDS = 10.0  # until its ports answer
_TEST_SECONDS = 10.0  # for nginx -t
_PROBE_EVERY = 1.0  # seconds between two looks whether it still answers
_PROBE_PAUSE = 0.1  # seconds before a connection that was refused is tried again
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}  # faults that tell nothing of nginx
_DESCRIPTORS = 16384
_USER = "www-data"


class NotStarted(StartError):
    """It ended, or was ended, before it answered."""

    def __init__(self, message: str, sentence: str, ended: Exit) -> None:
        super().__init__(message)
        self.sentence, self.ended = sentence, ended


class Nginx:
    """Supervises one nginx with a configuration file of ours.

    The first of ``ports`` is that of HTTP. ``hang_timeout``: seconds without an answer there, after
    which nginx is killed with its workers and started again. ``certificate``: kept up to date for it.
    """

    def __init__(
        self,
        program: str,
        config: Path,
        ports: list[tuple[str, int]],
        stop_timeout: float,
        *,
        hang_timeout: float = 5.0,
        certificate: Certificate | None = None,
    ) -> None:
        self._program = program
        self._config = config
        self._ports = ports
        self._stop_timeout = stop_timeout
        self._hang_timeout = hang_timeout
        self._certificate = certificate
        self._child: Child | None = None
        self._started = 0.0  # monotonic clock
        self._hung = False  # and so we ended it
        self.record = Record(random.random)
        self._tasks = Tasks("nginx")

    async def start(self) -> None:
        """Check the configuration, start nginx, and wait until it answers; then watch over it."""
        ended, _ = await run(
            [*self._argv(), "-t", "-q"], name="nginx-test", cwd=self._config.parent, seconds=_TEST_SECONDS
        )
        if not ended.ok:
            raise StartError(
                "nginx does not take its configuration:\n  " + "\n  ".join(ended.lines or (str(ended),))
            )
        await self._spawn()
        self._tasks.spawn(self._supervise(), "supervise", eternal=True)
        if self._certificate:
            self._tasks.spawn(self._certificate.follow(), "certificate", eternal=True)

    def _argv(self) -> list[str]:
        return [self._program, "-c", str(self._config), "-p", str(self._config.parent)]

    async def _spawn(self) -> None:
        # SIGTERM when we die: the master then ends its workers, SIGKILL would leave them behind
        self._child, self._hung, self._started = None, False, time.monotonic()
        self._child = child = await Child.start(
            self._argv(),
            name="nginx",
            cwd=self._config.parent,
            on_line=lambda line: log.warning("nginx", line=line),
            death_signal="TERM",
            descriptors=_DESCRIPTORS,
        )
        deadline = time.monotonic() + _READY_SECONDS
        while not all([await answers(host, port) for host, port in self._ports]):
            if not child.running or time.monotonic() > deadline:
                mute, self._child = child.running, None
                ended = await child.stop(0)
                raise NotStarted(f"nginx did not start: {ended}", sentence("nginx", ended, mute=mute), ended)
            await asyncio.sleep(0.02)
        log.info("nginx_started", pid=child.pid)

    async def _supervise(self) -> None:
        """Start it again whenever it ends: at once, or ever later where it does not live well."""
        while True:
            if self._child:
                ended = await self._attend(self._child)
                why = sentence("nginx", ended, hung=self._hung)
                log.error("nginx_died", sentence=why, exit=str(ended), lines=ended.lines)
                await self._rest(why, ended)
            try:
                await self._spawn()
            except StartError as error:
                log.error("nginx_not_started", reason=str(error))
                if isinstance(error, NotStarted):
                    await self._rest(error.sentence, error.ended)
                else:
                    await self._rest(str(error), None)

    async def _rest(self, why: str, ended: Exit | None) -> None:
        """Wait before the next start, after this end."""
        was_open = self.record.open
        wait = self.record.note(time.time(), time.monotonic() - self._started, why, ended)
        if self.record.open and not was_open:
            log.error("nginx_breaker_open", in_a_row=self.record.in_a_row, sentence=why, retry_in=wait)
        await asyncio.sleep(wait)

    async def _attend(self, child: Child) -> Exit:
        """Until it has ended, by itself or because it no longer answered."""
        watching = self._tasks.spawn(self._watch(child), "watch")
        try:
            return await child.wait()
        finally:
            watching.cancel()

    async def _watch(self, child: Child) -> None:
        """Kill it once it is silent: processes that are stopped or stuck heed nothing else.

        The second question, with less patience, is for the case that it was we who stood still: an
        answer that came meanwhile would be found only after the time had run out.
        """
        host, port = self._ports[0]
        while True:
            await asyncio.sleep(min(_PROBE_EVERY, self._hang_timeout))
            patience = self._hang_timeout
            if await speaks(host, port, patience) or await speaks(host, port, patience / 4):
                continue
            self._hung = True
            log.error("nginx_hung", pid=child.pid, seconds=patience)
            child.signal(signal.SIGKILL)  # the master's process group: its workers too
            return

    async def close(self) -> Exit | None:
        """Stop watching, then end it."""
        await self._tasks.close()
        return await self._child.stop(self._stop_timeout) if self._child else None


async def answers(host: str, port: int, seconds: float = 1.0) -> bool:
    """Whether something accepts connections there within that time."""
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def speaks(host: str, port: int, seconds: float) -> bool:
    """Whether a web server there shows within that time that it is not stuck.

    Any answer does, and so does a connection that it closes (it does that when all that it may have
    are taken). A connection that the kernel accepts in its name, and nothing else, does not.
    """
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await _ask(host, port)
                except ConnectionResetError:
                    return True
                except OSError as error:
                    if error.errno in _OURS:
                        return True
                await asyncio.sleep(_PROBE_PAUSE)
    except TimeoutError:
        return False


async def _ask(host: str, port: int) -> bool:
    """Send a request that costs nothing and is not logged; True as soon as anything comes back."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"HEAD /hls/.alive HTTP/1.0\r\n\r\n")
        await reader.readline()
        return True
    finally:
        writer.close()


def worker_user(data: Path, private: Path) -> str:
    """The ``user`` directive: nginx's workers, which parse what the network sends, are not root.

    As an ordinary user there is nothing to give up. As root the workers run as www-data, if that
    account can reach the data directory; ``private``, where they write, is theirs then.
    """
    if os.geteuid() != 0:
        return ""
    try:
        account = pwd.getpwnam(_USER)
    except KeyError:
        return "user root;"
    if not all(directory.stat().st_mode & 0o001 for directory in (data, *data.parents)):
        log.warning(
            "nginx_runs_as_root", reason=f"{_USER} cannot reach {data}; choose a data directory that it can"
        )
        return "user root;"
    os.chown(private, account.pw_uid, account.pw_gid)
    return f"user {_USER};"


def worker_group(user: str) -> int | None:
    """The group of the workers that run under this ``user`` directive; None: they are what we are."""
    return pwd.getpwnam(_USER).pw_gid if user == f"user {_USER};" else None
