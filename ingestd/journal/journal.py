"""The journal of one broadcast: a SQLite file, so that damage to it stops no other broadcast.

The public playlist is made from it after a restart, so a segment and the commit points that it
brings are one transaction: after a SIGKILL at any moment both stand here or neither. It is written
before the playlist and before the ack, so nothing is acked that is not here.

The file system keeps what was written when processes die, so by default nothing is forced to disk
(``PRAGMA synchronous=OFF`` with a write-ahead log); against a power cut ``fsync`` is a setting.
Every row carries a checksum of itself: SQLite does not notice a changed byte inside a value.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from ingestd.errors import IngestdError

SUFFIX = ".journal"
_FORMAT = 1  # of the tables; another one cannot be read
_REPORTS = 20  # generations that are remembered

_PASSING = {
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM),
}

_TABLES = """
CREATE TABLE broadcasts (
    id TEXT PRIMARY KEY, channel TEXT, title TEXT, started_at REAL, resumable INT, crc INT
);
CREATE TABLE renditions (name TEXT PRIMARY KEY, definition TEXT, crc INT);
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY, init BLOB, date REAL, start REAL, offset INT, prefix BLOB, commits TEXT,
    total INT, crc INT
);
CREATE TABLE generations (number INTEGER PRIMARY KEY, epoch INT, report TEXT, crc INT);
CREATE TABLE segments (
    rendition TEXT, sequence INT, discontinuities INT, uri TEXT, duration REAL, date REAL,
    discontinuity INT, size INT, crc INT, PRIMARY KEY (rendition, sequence)
) WITHOUT ROWID;
"""


class Damaged(IngestdError):
    """The journal cannot be believed: its broadcast cannot go on."""


class JournalFull(OSError):
    """The journal could not be read or written, as on a full disk: nothing of it was; try again later."""


@dataclass(frozen=True, slots=True)
class BroadcastRow:
    """The broadcast itself; ``started_at`` is Unix time; ``resumable``: by the resumable protocol."""

    id: str
    channel: str
    title: str
    started_at: float
    resumable: bool


@dataclass(frozen=True, slots=True)
class EpochRow:
    """An epoch and how far it has come.

    ``date`` is the wall clock (Unix time) of its media time 0, ``start`` the media time (s) of its
    first unit; ``offset`` and ``prefix`` are those of the unit that holds the commit point;
    ``commits`` media times (s) that stand in the playlist, by rendition; ``total`` its bytes, once
    all of it stands there, else None.
    """

    number: int
    init: bytes
    date: float
    start: float
    offset: int
    prefix: bytes
    commits: Mapping[str, float]
    total: int | None = None


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A line of a public media playlist; ``discontinuities`` are those of all lines before it."""

    rendition: str
    sequence: int
    discontinuities: int
    uri: str
    duration: float
    date: float
    discontinuity: bool
    size: int


@dataclass(slots=True)
class Kept:
    """What a journal says of its broadcast."""

    broadcast: BroadcastRow
    epochs: list[EpochRow] = field(default_factory=list)
    renditions: list[dict[str, Any]] = field(default_factory=list)
    segments: list[SegmentRow] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    generations: int = 0  # the number that the next one gets


class Journal:
    """Open for writing; every method is one transaction and raises :class:`JournalFull` if it fails."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def create(cls, directory: Path, broadcast: BroadcastRow, *, fsync: bool = False) -> Journal:
        """A new one."""
        path = directory / f"{broadcast.id}{SUFFIX}"
        if path.exists():
            raise JournalFull(f"{path}: already exists")
        try:
            journal = cls(path, _connect(path, fsync))
        except sqlite3.Error as error:
            remove(path)
            raise JournalFull(f"{path}: {error}") from None
        try:
            with journal._transaction() as write:
                for statement in _TABLES.split(";"):
                    write.execute(statement)
                write.execute(f"PRAGMA user_version={_FORMAT}")
                _insert(write, "broadcasts", astuple(broadcast))
        except JournalFull:
            journal.remove()
            raise
        return journal

    @classmethod
    def open(cls, path: Path, *, fsync: bool = False) -> tuple[Journal, Kept]:
        """One that an earlier process has left.

        Raises :class:`Damaged`, or :class:`JournalFull` if it cannot be read now, but perhaps later.
        """
        connection = None
        try:
            connection = _connect(path, fsync)
            return cls(path, connection), _read(connection, path)
        except (sqlite3.Error, ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
            if connection:
                connection.close()
            if isinstance(error, sqlite3.Error) and _may_pass(error):
                raise JournalFull(f"{path}: {error}") from None
            raise Damaged(f"{path.name}: {error}") from None

    def resumable(self, broadcast: BroadcastRow) -> None:
        """The protocol of its publisher has changed."""
        with self._transaction() as write:
            _insert(write, "broadcasts", astuple(broadcast))

    def epoch(self, row: EpochRow) -> None:
        """An epoch has begun, or has come further."""
        with self._transaction() as write:
            _insert_epoch(write, row)

    def forget_epochs(self, after: int) -> None:
        """Those after this number have to be sent again from their first byte."""
        with self._transaction() as write:
            write.execute("DELETE FROM epochs WHERE number > ?", (after,))

    def generation(self, number: int, epoch: int, report: Mapping[str, Any]) -> None:
        """A generation starts (``report`` is empty), or has ended."""
        with self._transaction() as write:
            _insert(write, "generations", (number, epoch, json.dumps(report)))
            write.execute("DELETE FROM generations WHERE number <= ?", (number - _REPORTS,))

    def listed(
        self,
        segments: Iterable[SegmentRow],
        first: Mapping[str, int],
        renditions: Iterable[Mapping[str, Any]],
        epoch: EpochRow | None,
    ) -> None:
        """Segments are about to be listed: with the renditions that are new and the epoch's commit points.

        ``first`` is the media sequence number of each playlist's first line: what lies before goes.
        """
        with self._transaction() as write:
            for definition in renditions:
                _insert(write, "renditions", (definition["name"], json.dumps(definition)))
            for row in segments:
                _insert(write, "segments", astuple(row))
            for name, sequence in first.items():
                write.execute("DELETE FROM segments WHERE rendition=? AND sequence<?", (name, sequence))
            if epoch:
                _insert_epoch(write, epoch)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise JournalFull(f"{self.path}: {error}") from None

    def close(self) -> None:
        self._connection.close()

    def remove(self) -> None:
        """The broadcast is over."""
        self._connection.close()
        remove(self.path)


def remove(path: Path) -> None:
    """Delete a journal with all that belongs to it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _may_pass(error: sqlite3.Error) -> bool:
    """A full disk, no descriptors, no memory: no fault of the journal."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code != sqlite3.SQLITE_IOERR_SHORT_READ and code & 0xFF in _PASSING


def _connect(path: Path, fsync: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={'FULL' if fsync else 'OFF'}")
    connection.execute("PRAGMA wal_autocheckpoint=256")  # pages of 4 KiB: the log stays near 1 MiB
    return connection


def _checksum(values: tuple[Any, ...]) -> int:
    """Of the values, however SQLite gives numbers back (1 in a column of REAL is 1.0)."""
    plain = tuple(value + 0.0 if isinstance(value, int | float) else value for value in values)
    return zlib.crc32(repr(plain).encode())


def _insert(write: sqlite3.Connection, table: str, values: tuple[Any, ...]) -> None:
    stored = tuple(int(value) if isinstance(value, bool) else value for value in values)
    marks = ",".join("?" * (len(stored) + 1))
    write.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", (*stored, _checksum(stored)))


def _insert_epoch(write: sqlite3.Connection, row: EpochRow) -> None:
    commits = json.dumps(dict(row.commits))
    values = (row.number, row.init, row.date, row.start, row.offset, row.prefix, commits, row.total)
    _insert(write, "epochs", values)


def _read(connection: sqlite3.Connection, path: Path) -> Kept:
    verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise ValueError(verdict)
    if (version := connection.execute("PRAGMA user_version").fetchone()[0]) != _FORMAT:
        raise ValueError(f"format {version} is not {_FORMAT}")
    ((identity, channel, title, started_at, resumable),) = _rows(connection, "broadcasts")
    if identity + SUFFIX != path.name:
        raise ValueError(f"it is the journal of {identity!r}")
    kept = Kept(BroadcastRow(identity, channel, title, started_at, bool(resumable)))
    for number, init, date, start, offset, prefix, commits, total in _rows(connection, "epochs"):
        row = EpochRow(number, init, date, start, offset, prefix, json.loads(commits), total)
        kept.epochs.append(row)
    kept.renditions = [json.loads(definition) for _, definition in _rows(connection, "renditions")]
    for name, sequence, before, uri, duration, day, broken, size in _rows(connection, "segments"):
        segment = SegmentRow(name, sequence, before, uri, duration, day, bool(broken), size)
        kept.segments.append(segment)
    _check_sequences(kept)
    for number, _, report in _rows(connection, "generations"):
        kept.generations = number + 1
        kept.reports += [json.loads(report)] if report != "{}" else []
    return kept


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table in the order of its key; raises ValueError for one that was changed."""
    found = []
    for *values, checksum in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2"):
        if _checksum(tuple(values)) != checksum:
            raise ValueError(f"a row of {table} is damaged")
        found.append(tuple(values))
    return found


def _check_sequences(kept: Kept) -> None:
    """A playlist without a hole: sequence numbers follow one another."""
    names = {definition["name"] for definition in kept.renditions}
    last: dict[str, int] = {}
    for row in kept.segments:
        if row.rendition not in names or row.sequence != last.get(row.rendition, row.sequence - 1) + 1:
            raise ValueError(f"segment {row.sequence} of {row.rendition} does not follow its predecessor")
        last[row.rendition] = row.sequence
