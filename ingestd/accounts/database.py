"""The database: SQLite in the data directory, or PostgreSQL; opened, migrated, read and written.

Whoever writes waits in line: within this process, so that a crowd is not refused for its own size; among
processes on SQLite by ``BEGIN IMMEDIATE``, on PostgreSQL because every change of what the directory shows
first bumps the one row of ``state``. So a rule such as "one admin stays" is checked and kept in one
transaction, and two who take the same name cannot both get it.

A database that is locked or gone is a :class:`Refused` with ``Code.UNAVAILABLE`` after
:attr:`patience` seconds or little more; it heals by itself, since broken connections are replaced.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Connection, event, inspect, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from ingestd.accounts.kind import SQLITE_FILE
from ingestd.accounts.schema import VERSION, StateRow
from ingestd.errors import Code, Refusal, Refused, StartError
from ingestd.settings.shown import address

UNAVAILABLE = Refusal(Code.UNAVAILABLE, "The database does not answer; wait a moment and try again.")
_CHANGED = Refusal(Code.EXISTS, "Somebody else has just changed this; look again.")
_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSIONS = "alembic_version"  # Alembic's table: one row, the newest of the migrations that were done
_WRITE = "ingestd_write"  # an execution option: this transaction is going to write
_MIGRATING = 0x696E67657374  # PostgreSQL's advisory lock of whoever migrates: "ingest"
_POOL, _MORE = 4, 8  # connections that are kept, and that may be added for a while
_GONE = (OperationalError, InterfaceError, InternalError, PoolTimeoutError, OSError, TimeoutError)


async def _nothing() -> None:
    """Nobody wants to know of changes yet."""


class Database:
    """Transactions on one database; ``changed`` is awaited after each that changed the directory."""

    def __init__(self, url: URL, shown_url: str, patience: float) -> None:
        """``shown_url`` has no secret; ``patience``: seconds for a connection, for a command, and for a lock
        of somebody else."""
        self.shown_url = shown_url
        self.changed: Callable[[], Awaitable[None]] = _nothing
        self._limit = 2 * patience + 1
        self._postgres = url.get_backend_name() == "postgresql"
        self._line = asyncio.Lock()
        engine = _postgres(url, patience) if self._postgres else _sqlite(url, patience)
        self._engine = engine
        snapshot: dict[str, Any] = {"isolation_level": "REPEATABLE READ"} if self._postgres else {}
        self._reader = engine.execution_options(**snapshot)
        self._writer = engine.execution_options(**{_WRITE: True})

    @classmethod
    def at(cls, url: str, data: Path, patience: float) -> Database:
        """``url`` empty: SQLite in ``data``. Raises :class:`StartError` for another kind of database."""
        location = _location(url, data)
        try:
            return cls(location, address(url) if url else str(location), patience)
        except (ArgumentError, ValueError):  # which quote what may be a secret
            words = "what stands behind its ? is not understood."
            raise StartError(f"database.url cannot be used: {words}") from None

    async def prepare(self, install: Callable[[AsyncSession], Awaitable[None]]) -> None:
        """Make or migrate the tables; ``install`` runs in the same transaction, and is alone in it.

        Raises :class:`StartError` in plain words.
        """
        try:
            if not self._postgres:
                _private(Path(self._engine.url.database or ""))
            await self._migrate(install)
        except Exception as error:
            if words := _explain(error, self.shown_url):
                raise StartError(words) from None
            raise

    async def _migrate(self, install: Callable[[AsyncSession], Awaitable[None]]) -> None:
        async with asyncio.timeout(4 * self._limit), AsyncSession(self._writer) as session:
            connection = await session.connection()
            if self._postgres:
                await session.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))
            await connection.run_sync(_upgrade, self.shown_url)
            await install(session)
            await session.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """All that is read in it is of one moment."""
        async with self._guarded(), AsyncSession(self._reader, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self, *, shared: bool = True) -> AsyncIterator[AsyncSession]:
        """All of it or nothing. ``shared``: it changes what the directory shows."""
        async with (
            self._guarded(),
            self._line,
            AsyncSession(self._writer, expire_on_commit=False) as session,
        ):
            if shared:
                await session.execute(update(StateRow).values(version=StateRow.version + 1))
            yield session
            await session.commit()
        if shared:
            await self.changed()

    @asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._limit):
                yield
        except IntegrityError:
            raise Refused(_CHANGED) from None
        except Exception as error:
            if not _is_gone(error):
                raise
            raise Refused(UNAVAILABLE) from error

    async def close(self) -> None:
        await self._engine.dispose()


def _location(url: str, data: Path) -> URL:
    if not url:
        return URL.create("sqlite+aiosqlite", database=str(data / SQLITE_FILE))
    try:
        parsed = make_url(url)
        scheme = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        scheme = ""
    if scheme in ("postgresql", "postgres"):
        if "@" in f"{parsed.host}{parsed.database}":  # what should have been a part of the password
            raise StartError("database.url cannot be used: an @ in user or password has to be written %40.")
        return parsed.set(drivername="postgresql+asyncpg")
    raise StartError("database.url cannot be used: it looks like postgresql://USER:PASSWORD@HOST/NAME.")


def _sqlite(url: URL, patience: float) -> AsyncEngine:
    engine = create_async_engine(
        url, connect_args={"timeout": patience}, hide_parameters=True, pool_size=_POOL, max_overflow=_MORE
    )

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions are ours: Python's own know no BEGIN IMMEDIATE
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres(url: URL, patience: float) -> AsyncEngine:
    arguments: dict[str, Any] = {"timeout": patience, "command_timeout": patience}
    if mode := url.query.get("sslmode"):  # libpq's word, which people know; asyncpg's is another
        url, arguments["ssl"] = url.difference_update_query(["sslmode"]), mode
    return create_async_engine(
        url,
        connect_args=arguments,
        hide_parameters=True,
        pool_pre_ping=True,  # a connection that a restart of the server broke is replaced unseen
        pool_size=_POOL,
        max_overflow=_MORE,
        pool_timeout=patience,
    )


def _private(path: Path) -> None:
    """Only we read it; its -wal and -shm get the mode that it has, from SQLite."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:  # by name: to open and close it would drop the locks that SQLite holds on it
        path.chmod(0o600)


def _upgrade(connection: Connection, shown_url: str) -> None:
    """Raises :class:`StartError` for tables of a newer version."""
    if _is_current(connection):
        return
    # Only now: to import Alembic takes longer than most commands that open a database.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        words = f"The database {shown_url} was made by a newer ingestd ({error}). Use that one."
        raise StartError(words) from None


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table(_VERSIONS):
        return False
    return connection.scalars(text(f"SELECT version_num FROM {_VERSIONS}")).all() == [VERSION]


def _is_gone(error: BaseException) -> bool:
    """Whether it may be there again a moment later: a plain DBAPIError is one that ends a connection, and
    asyncpg's own errors come from connecting, as while a server starts."""
    if isinstance(error, DBAPIError) and (error.connection_invalidated or type(error) is DBAPIError):
        return True
    return isinstance(error, (*_GONE, asyncpg.PostgresError))


def _explain(error: BaseException, url: str) -> str | None:
    """Words for what went wrong at the start; None: a fault of ours."""
    if isinstance(error, TimeoutError):
        return f"The database {url} does not answer. Does its server run, and is nobody holding a lock on it?"
    if isinstance(error, DBAPIError | OSError | asyncpg.PostgresError | asyncpg.InterfaceError | TypeError):
        reason = error.orig if isinstance(error, DBAPIError) else error
        where = "the disk, which may be full, and at the owner of the file"
        if not url.startswith("sqlite"):
            where = "database.url, and whether its server runs"
        return f"The database {url} cannot be used: {reason}. Look at {where}."
    return None
