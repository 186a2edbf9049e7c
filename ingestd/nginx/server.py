"""nginx as a child of ``ingestd up``: started, watched, started again, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import socket
import time
from pathlib import Path

import structlog

from ingestd.errors import StartError
from ingestd.processes import Child, Exit, run
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.nginx")

_READY_SECONDS = 10.0  # until its ports answer
_TEST_SECONDS = 10.0  # for nginx -t
_LIVED_WELL = 30.0  # seconds after which a death is no crash loop
_LONGEST_WAIT = 5.0  # seconds between two starts
_DESCRIPTORS = 16384
_USER = "www-data"


class Nginx:
    """Supervises one nginx with a configuration file of ours."""

    def __init__(self, program: str, config: Path, ports: list[tuple[str, int]], stop_timeout: float) -> None:
        self._program = program
        self._config = config
        self._ports = ports
        self._stop_timeout = stop_timeout
        self._child: Child | None = None
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

    def _argv(self) -> list[str]:
        return [self._program, "-c", str(self._config), "-p", str(self._config.parent)]

    async def _spawn(self) -> None:
        # SIGTERM when we die: the master then ends its workers, SIGKILL would leave them behind
        self._child = await Child.start(
            self._argv(),
            name="nginx",
            cwd=self._config.parent,
            on_line=lambda line: log.warning("nginx", line=line),
            death_signal="TERM",
            descriptors=_DESCRIPTORS,
        )
        deadline = time.monotonic() + _READY_SECONDS
        while not all([await answers(host, port) for host, port in self._ports]):
            if not self._child.running or time.monotonic() > deadline:
                ended = await self._child.stop(0)
                raise StartError(f"nginx did not start: {ended}")
            await asyncio.sleep(0.02)
        log.info("nginx_started", pid=self._child.pid)

    async def _supervise(self) -> None:
        wait = 0.0
        while True:
            started = time.monotonic()
            if self._child:
                ended = await self._child.wait()
                log.error("nginx_died", exit=str(ended), lines=ended.lines)
            wait = 0.0 if time.monotonic() - started > _LIVED_WELL else min(_LONGEST_WAIT, wait * 2 + 0.1)
            await asyncio.sleep(wait)
            try:
                await self._spawn()
            except StartError as error:
                self._child = None
                log.error("nginx_not_started", reason=str(error))

    async def close(self) -> Exit | None:
        """Stop watching, then end it."""
        await self._tasks.close()
        return await self._child.stop(self._stop_timeout) if self._child else None


async def answers(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 1.0)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def free_port(host: str) -> int:
    """A port that is free at this moment: nginx cannot be handed a socket."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


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
