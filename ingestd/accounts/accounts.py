"""All of it behind one door: the services over the database, and the directory in memory.

Every change bumps one row; each process that has the database open looks at it four times a second, so a
change by the command line, or by a second daemon, is in everybody's directory within that time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from ingestd.accounts import kind, snapshot
from ingestd.accounts.audit import Audit
from ingestd.accounts.channels import Channels
from ingestd.accounts.database import Database
from ingestd.accounts.digests import Digests
from ingestd.accounts.directory import Directory
from ingestd.accounts.installation import FirstStart, demo_key, install
from ingestd.accounts.keys import Keys
from ingestd.accounts.passwords import Passwords
from ingestd.accounts.revocations import Revocations
from ingestd.accounts.sessions import Sessions
from ingestd.accounts.targets import Targets
from ingestd.accounts.tokens import Tokens
from ingestd.accounts.users import Users
from ingestd.errors import Code, Refusal, Refused, StartError
from ingestd.settings import Settings
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.accounts")

_NOT_IN_FORCE = Refusal(
    Code.UNAVAILABLE,
    "The change is stored, but the server could not put it in force yet; its log says why. It tries again.",
)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: for the database to answer, between two looks at it, at most between two looks while it
    does not answer, and between two times that the last use of keys is written."""

    patience: float = 3.0
    poll: float = 0.25
    slowest: float = 5.0
    uses: float = 10.0


class Accounts:
    """People, channels, keys, tokens and rights of one installation; made by :meth:`open`."""

    def __init__(
        self,
        settings: Settings,
        data: Path,
        pace: Pace = Pace(),
        passwords: Passwords | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.first: FirstStart | None = None
        self.directory = Directory()
        self._data, self._pace = data, pace
        self._digests = digests = Digests.open(data)
        self._passwords = passwords or Passwords()
        self._database = database = Database.at(settings.database.url, data, pace.patience)
        self.audit = audit = Audit(database, clock)
        self.users = Users(database, audit, self._passwords, clock)
        self.sessions = Sessions(database, audit, digests, settings.auth.session_lifetime, clock)
        self.channels = Channels(database, audit, clock)
        self.keys = Keys(database, audit, digests, clock)
        self.targets = Targets(database, audit, digests, lambda: self.directory, clock)
        revocations = Revocations(database, audit, clock)
        self.tokens = Tokens.open(settings.auth, data, lambda: self.directory, revocations.add)
        self._watchers: list[Callable[[], None]] = []
        self._refreshing = asyncio.Lock()
        self._tasks = Tasks("accounts")
        self._gone = False
        self._untold = False  # somebody who watches could not follow the last change
        self._uses_due = 0.0  # of the event loop's clock

    @classmethod
    async def open(
        cls,
        settings: Settings,
        data: Path,
        *,
        pace: Pace = Pace(),
        passwords: Passwords | None = None,
        clock: Callable[[], float] = time.time,
        fill: bool = True,
    ) -> Accounts:
        """Migrate the database, at the first start fill it (``fill``), and read the directory.

        Raises :class:`StartError` in plain words.
        """
        kind.check(settings.database.url, data, filled=not fill)
        accounts = cls(settings, data, pace, passwords, clock)
        try:
            await accounts._database.prepare(lambda session: accounts._install(session, fill))
            await accounts._refresh()
            if fill:
                kind.note(settings.database.url, data)
        except BaseException as error:
            await accounts.close()
            if isinstance(error, Refused):
                raise StartError(str(error)) from None
            raise
        accounts._database.changed = accounts._changed
        return accounts

    @property
    def demo_key(self) -> str:
        """The stream key that the first start made, in clear; empty once it is revoked."""
        key = demo_key(self._data)
        return key if self.directory.by_key(key) else ""

    def watch(self, on_change: Callable[[], None]) -> None:
        """Have this called, on the loop, after the directory has changed, whoever changed it.

        A change is in force when nobody who watches raises. Until then whoever changes anything gets a
        refusal (``Code.UNAVAILABLE``), and all who watch are told again at each look at the database.
        """
        self._watchers.append(on_change)

    async def start(self) -> None:
        """Notice from now on what other processes change."""
        self._tasks.spawn(self._poll(), "poll", eternal=True)

    async def close(self) -> None:
        await self._tasks.close()
        self._watchers.clear()  # who watches is closed already
        try:
            await self.keys.write_uses()
            await self.channels.write_lives()
        except Refused as error:
            log.warning("uses_of_keys_lost", reason=str(error))
        await self.tokens.close()
        await self._database.close()

    async def _install(self, session: AsyncSession, fill: bool) -> None:
        everything = self._digests, self._passwords, self.users, self.channels, self.keys
        self.first = await install(session, self._data, *everything, fill=fill)

    async def _changed(self) -> None:
        """We have changed something. If it cannot be read again just now, the next look will."""
        try:
            await self._refresh()
        except Refused:
            log.warning("directory_late")
        if self._untold:
            raise Refused(_NOT_IN_FORCE)

    async def _refresh(self) -> None:
        async with self._refreshing:  # one at a time, so that none replaces a newer one
            async with self._database.reading() as session:
                found = await snapshot.load(session, self._digests)
            self._replace(found)

    def _replace(self, found: Directory) -> None:
        self.directory = found
        self._tell()

    def _tell(self) -> None:
        failed = False
        for tell in self._watchers:
            try:
                tell()
            except Exception as error:
                failed = True
                if not self._untold:
                    unexpected = None if isinstance(error, OSError) else error
                    log.error("change_not_in_force", reason=repr(error), exc_info=unexpected)
        if self._untold and not failed:
            log.info("change_in_force")
        self._untold = failed

    async def _poll(self) -> None:
        delay = self._pace.poll
        while True:
            await asyncio.sleep(delay)
            answered = await self._look()
            delay = self._pace.poll if answered else min(2 * delay, self._pace.slowest)

    async def _look(self) -> bool:
        """Whether the database has answered; told in the log when that changes."""
        if self._untold:
            self._tell()
        try:
            async with self._database.reading() as session:
                current = await snapshot.version(session)
            if current != self.directory.version:
                await self._refresh()
            await self.channels.write_lives()
            await self._write_uses()
        except Exception as error:
            if not self._gone:
                unexpected = None if isinstance(error, Refused) else error
                log.error("database_gone", reason=repr(error.__cause__ or error), exc_info=unexpected)
            self._gone = True
            return False
        if self._gone:
            log.info("database_back")
        self._gone = False
        return True

    async def _write_uses(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._uses_due:
            await self.keys.write_uses()
            self._uses_due = now + self._pace.uses
