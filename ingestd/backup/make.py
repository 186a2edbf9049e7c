"""A backup of an installation, also while its server runs.

The database is copied by SQLite's online backup, so it is of one moment whoever writes meanwhile; the
secrets are read while nobody can exchange them.
"""

from __future__ import annotations

import gzip
import io
import os
import secrets
import sqlite3
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from ingestd import __version__
from ingestd.accounts.model import PICTURE
from ingestd.accounts.secrets import alone
from ingestd.backup.contents import (
    DATA,
    DATABASE,
    FORMAT,
    MANIFEST,
    MEDIA,
    PICTURES,
    SECRETS,
    SETTINGS,
    Manifest,
)
from ingestd.errors import IngestdError

STREAM = Path("-")
_COMPRESSION = 6  # of gzip
_BUSY_SECONDS = 10.0  # for SQLite to get a lock


@dataclass(frozen=True, slots=True)
class Source:
    """``postgres``: the database is none of our files. ``settings``: the file of settings in use."""

    data: Path
    settings: Path | None
    postgres: bool
    media: bool


def make(source: Source, target: Path) -> Manifest:
    """Write the archive (mode 0600), whole or not at all; :data:`STREAM` is stdout. Raises IngestdError."""
    try:
        with tempfile.TemporaryDirectory(prefix="ingestd-backup-") as scratch:  # of mode 0700
            copy = None if source.postgres else _copied(source.data / DATABASE, Path(scratch) / DATABASE)
            revision = revision_of(copy) if copy else ""
            now = datetime.now(UTC).isoformat(timespec="seconds")
            manifest = Manifest(FORMAT, __version__, now, revision, source.media)
            with _written(target) as out:
                _fill(out, source, manifest, copy)
            return manifest
    except OSError as error:
        raise IngestdError(f"{error.filename or target}: {error.strerror}. There is no backup.") from None
    except sqlite3.Error as error:
        words = f"The database {source.data / DATABASE} cannot be copied: {error}."
        raise IngestdError(f"{words} There is no backup.") from None


def _copied(database: Path, copy: Path) -> Path:
    """The database as it is at one moment, checked."""
    with (
        closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as origin,
        closing(sqlite3.connect(copy, timeout=_BUSY_SECONDS)) as made,
    ):
        origin.execute(f"PRAGMA busy_timeout={int(_BUSY_SECONDS * 1000)}")
        origin.backup(made)
        made.execute("PRAGMA journal_mode=DELETE")  # all of it in one file
        (said,) = made.execute("PRAGMA quick_check").fetchone()
    if said != "ok":
        raise sqlite3.DatabaseError(f"it is damaged ({said})")
    return copy


def revision_of(database: Path) -> str:
    """The migration that a SQLite file is at. Raises sqlite3.Error: it is none of ours."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as opened:
        found = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    if found is None:
        raise sqlite3.DatabaseError("it says no version of itself")
    return str(found[0])


@contextmanager
def _written(target: Path) -> Iterator[BinaryIO]:
    """A file that has its name when it is whole, and on disk."""
    if target == STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    scratch = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    to_disk(target.parent)


def to_disk(directory: Path) -> None:
    """The names in it survive a power cut from here on."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fill(out: BinaryIO, source: Source, manifest: Manifest, copy: Path | None) -> None:
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=out, compresslevel=_COMPRESSION) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        _add(tar, MANIFEST, io.BytesIO(manifest.text()), len(manifest.text()))
        if source.settings:
            _add_file(tar, SETTINGS, source.settings)
        if copy:
            _add_file(tar, f"{DATA}/{DATABASE}", copy)
        with alone(source.data):
            for name in SECRETS:
                if (source.data / name).exists():
                    _add_file(tar, f"{DATA}/{name}", source.data / name)
        for path in [*_pictures(source.data), *(_media(source.data) if source.media else ())]:
            try:
                _add_file(tar, f"{DATA}/{path.relative_to(source.data)}", path)
            except FileNotFoundError:  # its time was over meanwhile
                continue


def _pictures(data: Path) -> list[Path]:
    return sorted(path for path in (data / PICTURES).glob("*") if PICTURE.fullmatch(path.name))


def _media(data: Path) -> Iterator[Path]:
    """Files alone, and none that is being written."""
    for directory, _, names in os.walk(data / MEDIA):
        for name in sorted(names):
            path = Path(directory, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _add_file(tar: tarfile.TarFile, name: str, path: Path) -> None:
    with path.open("rb") as file:
        _add(tar, name, file, os.fstat(file.fileno()).st_size)


def _add(tar: tarfile.TarFile, name: str, file: BinaryIO, size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(time.time())
    tar.addfile(entry, file)
