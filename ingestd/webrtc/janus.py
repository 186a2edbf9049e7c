"""A Janus as a child of ``ingestd``: started, watched, started again, ended."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import pwd
import random
import secrets
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import structlog
from websockets.exceptions import WebSocketException

from ingestd.errors import StartError
from ingestd.processes import Account, Child, Exit, clean_environment
from ingestd.record import Record, sentence
from ingestd.tasks import Tasks
from ingestd.webrtc.gateway import connected
from ingestd.webrtc.janus_config import ADMIN, EMPTY, LIBRARIES, RUN, SOCKET, Role, Terms, files, libraries

log = structlog.get_logger("ingestd.webrtc.janus")

_READY_SECONDS = 30.0  # until it answers for the first time; it looks for its STUN server before
_START_SECONDS = 3.0  # that whoever starts it waits for that
_HANG_SECONDS = 5.0  # without an answer, after which it is killed and started again
_STOP_SECONDS = 3.0  # between SIGTERM and SIGKILL
_PROBE_EVERY = 2.0  # seconds between two looks whether it still answers
_PROBE_PAUSE = 0.05  # seconds before a connection that failed is tried again
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}  # faults that tell nothing of Janus
_DESCRIPTORS = 16384
_SECRET_BYTES = 24
_ACCOUNTS = "janus", "nobody"  # not www-data: what runs as that may look at nginx's workers
_PING = '{"janus":"ping","transaction":"ping"}'
_LEVELS = {"[WARN]": logging.WARNING, "[ERR]": logging.ERROR, "[FATAL]": logging.ERROR}

# said at each start, of what is meant to be as it is; and of candidates that come before their offer
_KNOWN = ("mDNS resolution disabled", "libnice master is breaking connections", "queueing this trickle")

# where Debian puts the libraries, and where Janus's own build does
_INSTALLED = ("usr/lib/*/janus", "usr/lib/janus", "usr/local/lib/janus", "opt/janus/lib/janus")


class Janus:
    """Supervises one Janus, which works in ``place``: that folder is made for each life, and belongs to it.

    ``terms`` without their secrets, which are made here; ``installed``: the folder of Janus's libraries;
    ``hang_timeout``: seconds without an answer after which it is killed and started again.
    """

    def __init__(
        self,
        program: str,
        installed: Path,
        place: Path,
        terms: Terms,
        *,
        hang_timeout: float = _HANG_SECONDS,
    ) -> None:
        self.role = terms.role
        self.secret = secrets.token_urlsafe(_SECRET_BYTES)
        self.admin_key = secrets.token_urlsafe(_SECRET_BYTES)
        self.socket, self.admin_socket = place / SOCKET, place / ADMIN
        self.record = Record(random.random)
        self.up = False  # it answers
        self._program = program
        self._installed = installed
        self._place = place
        self._terms = replace(terms, secret=self.secret, admin_key=self.admin_key)
        self._hang_timeout = hang_timeout
        self._child: Child | None = None
        self._ended_by_us = {"hung": False, "mute": False}
        self._tried = asyncio.Event()
        self._tasks = Tasks(f"janus/{self.role}")

    @property
    def pid(self) -> int:
        """0: it does not run."""
        return self._child.pid if self._child and self._child.running else 0

    async def start(self) -> None:
        """Start it, and watch over it from now on. Returns when it answers or has failed once; after 3 s it
        goes on in the background."""
        self._tasks.spawn(self._supervise(), "supervise", eternal=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                await self._tried.wait()

    async def close(self) -> None:
        """Stop watching, end it, and remove what it has worked with."""
        await self._tasks.close()
        self.up = False
        if self._child:
            await self._child.stop(_STOP_SECONDS)
        shutil.rmtree(self._place, ignore_errors=True)

    async def _supervise(self) -> None:
        """One life after another: the next at once, or ever later where it does not live well."""
        while True:
            began = time.monotonic()
            self._ended_by_us = {"hung": False, "mute": False}
            why, ended = await self._live()
            self.up = False
            self._tried.set()
            was_open = self.record.open
            wait = self.record.note(time.time(), time.monotonic() - began, why, ended)
            if self.record.open and not was_open:
                log.error(
                    "janus_breaker_open",
                    role=self.role,
                    in_a_row=self.record.in_a_row,
                    sentence=why,
                    retry_in=wait,
                )
            await asyncio.sleep(wait)

    async def _live(self) -> tuple[str, Exit | None]:
        """One life; why it has ended, and how."""
        try:
            check_interfaces(self._terms.interfaces)
            lay_out(self._place, self._terms, self._installed, account := unprivileged())
            self._child = child = await self._spawn(account)
        except (OSError, StartError) as error:
            log.error("janus_not_started", role=self.role, reason=str(error))
            return f"Janus cannot be started: {str(error).rstrip('.')}.", None
        watching = self._tasks.spawn(self._watch(child), "watch")
        try:
            ended = await child.wait()
        finally:
            watching.cancel()
        why = sentence("Janus", ended, **self._ended_by_us)
        log.error("janus_died", role=self.role, sentence=why, exit=str(ended), lines=ended.lines)
        return why, ended

    async def _spawn(self, account: Account | None) -> Child:
        """What is wanted of it stands in its folder, not in its command line: everybody can read that."""
        return await Child.start(
            [self._program, "--configs-folder=."],
            name=f"janus-{self.role}",
            cwd=self._place,
            on_line=self._line,
            ignore=_KNOWN,
            death_signal="KILL",
            descriptors=_DESCRIPTORS,
            account=account,
            talks=True,
        )

    def _line(self, line: str) -> None:
        level = _LEVELS.get(line.partition(" ")[0], logging.DEBUG)
        log.log(level, "janus", role=self.role, line=line)

    async def _watch(self, child: Child) -> None:
        """Kill it once it is silent.

        The second question, with less patience, is for the case that it was we who stood still.
        """
        patience = _READY_SECONDS
        while await speaks(self.socket, patience) or await speaks(self.socket, patience / 4):
            if not self.up:
                self.up = True
                log.info("janus_started", role=self.role, pid=child.pid)
                self._tried.set()
            await asyncio.sleep(min(_PROBE_EVERY, self._hang_timeout))
            patience = self._hang_timeout
        self._ended_by_us = {"hung": self.up, "mute": not self.up}
        log.error("janus_hung", role=self.role, pid=child.pid, seconds=patience)
        child.signal(signal.SIGKILL)


async def speaks(socket: Path, seconds: float) -> bool:
    """Whether a Janus there answers within that time."""
    try:
        async with asyncio.timeout(seconds):
            while not await _pong(socket, seconds):  # noqa: ASYNC110 - nothing tells when it comes
                await asyncio.sleep(_PROBE_PAUSE)
    except TimeoutError:
        return False
    return True


async def _pong(socket: Path, seconds: float) -> bool:
    try:
        async with connected(socket, seconds) as connection:
            await connection.send(_PING)
            await connection.recv()
    except OSError as error:
        return error.errno in _OURS
    except WebSocketException:
        return False
    return True


def lay_out(place: Path, terms: Terms, installed: Path, account: Account | None) -> None:
    """Make the folder that Janus works in, anew. Raises OSError.

    Only RUN is its own: nothing that it could put there is ever opened by us but the socket. What has
    secrets in it only Janus can read. Whoever cannot come down to here can still start here.
    """
    if place.exists():
        shutil.rmtree(place)
    place.mkdir(parents=True)
    for name in (*LIBRARIES, *EMPTY, RUN):
        (place / name).mkdir()
        (place / name).chmod(0o755)
    place.chmod(0o711)
    (place / RUN).chmod(0o700)
    for name in libraries(terms.role):
        (place / name).symlink_to(installed / name)
    for name, text in files(terms).items():
        with open(os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    if account:
        for name in (RUN, *files(terms)):
            os.chown(place / name, account.user, account.group)


def check_interfaces(wanted: Sequence[str]) -> None:
    """Raises StartError when none of them is here: Janus would take all others instead, and not say so."""
    here = psutil.net_if_addrs()
    known = {*here, *(one.address.partition("%")[0] for found in here.values() for one in found)}
    if wanted and not known.intersection(wanted):
        raise StartError(f"this machine has none of webrtc.interfaces ({', '.join(wanted)})")


def unprivileged() -> Account | None:
    """Whom Janus runs as, which parses what the network sends; None: as we do, who are not root.

    Raises StartError.
    """
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return Account(found.pw_uid, found.pw_gid)
    raise StartError(f"there is no account for it; make one: {' or '.join(_ACCOUNTS)}")


def find(program: str) -> str | None:
    """Where Janus is, looked for where our children look."""
    return shutil.which(program, path=clean_environment(Path("/"))["PATH"])


def find_libraries(root: Path = Path("/")) -> Path | None:
    """The folder with all that is loaded, wherever Janus was installed; None: something is missing."""
    return next((place for place in _places(root) if not _missing(place)), None)


def libraries_missing(root: Path = Path("/")) -> list[str]:
    """What of it is missing where most of it is, without the folders' names."""
    lacks = [_missing(place) for place in _places(root)] or [_missing(root)]
    return [Path(name).name for name in min(lacks, key=len)]


def _places(root: Path) -> list[Path]:
    return [place for pattern in _INSTALLED for place in sorted(root.glob(pattern))]


def _missing(place: Path) -> list[str]:
    wanted = dict.fromkeys(name for role in Role for name in libraries(role))
    return [name for name in wanted if not (place / name).is_file()]
