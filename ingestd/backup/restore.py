"""An installation put back from its backup.

All of it is unpacked and looked at beside what is there; only then do files get their names, that by
which an installation is known (:data:`MARK`) last. What has been there is moved aside, and nothing
is deleted.
"""

from __future__ import annotations

import gzip
import os
import secrets
import shutil
import sqlite3
import sys
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingestd.accounts import kind
from ingestd.accounts.digests import Digests
from ingestd.accounts.schema import VERSION
from ingestd.backup.contents import (
    DATABASE,
    MANIFEST,
    MARK,
    MEDIA,
    PICTURES,
    SECRETS,
    SETTINGS,
    Manifest,
    Unusable,
    parse,
    place,
)
from ingestd.backup.make import STREAM, revision_of, to_disk
from ingestd.errors import StartError
from ingestd.lock import locked

_NOT_WHOLE = "This backup is damaged, or not whole. Nothing is restored."
_STAGING = ".restore-"
_TOP = MEDIA.parts[0]  # the directory of media
_OF_DATABASE = tuple(f"{DATABASE}{end}" for end in ("-wal", "-shm", "-journal"))
_REPLACED = (MARK, kind.NOTE, DATABASE, *_OF_DATABASE, "journal", _TOP, PICTURES.name, *SECRETS)


@dataclass(frozen=True, slots=True)
class Restored:
    """``aside``: where what had been there was moved; ``settings``: where the file of settings was put."""

    manifest: Manifest
    aside: Path | None
    settings: Path | None


def restore(archive: Path, data: Path, *, force: bool) -> Restored:
    """Put it into ``data``; :data:`STREAM` is stdin. ``force``: also where there is an installation.

    Raises :class:`Unusable` for the archive, StartError for the directory.
    """
    with _opened(archive) as packed, locked(data):
        if not force and any((data / name).exists() for name in (MARK, DATABASE)):
            raise StartError(
                f"There is an installation in {data}. --force moves it aside; --data-dir names another place."
            )
        try:
            with _staging(data) as staged:
                manifest = _unpack(packed, staged)
                _check(staged, manifest)
                return _put(staged, data, manifest, everything=force)
        except OSError as error:
            words = f"{error.filename or data}: {error.strerror}."
            raise StartError(f"{words} What was there is still there, or beside it.") from None


@contextmanager
def _staging(data: Path) -> Iterator[Path]:
    """A directory for us alone, on the same file system."""
    for left in data.glob(f"{_STAGING}*"):  # of one that was killed: it holds secrets
        shutil.rmtree(left)
    made = data / f"{_STAGING}{secrets.token_hex(8)}"
    made.mkdir(mode=0o700)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _unpack(packed: gzip.GzipFile, staged: Path) -> Manifest:
    manifest = None
    try:
        with tarfile.open(fileobj=packed, mode="r|") as tar:
            for member in tar:
                if manifest is None:
                    manifest = _manifest(tar, member)
                else:
                    _write(tar, member, staged)
            while packed.read(1 << 16):  # to its end, where its checksum stands
                pass
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile):
        raise Unusable(_NOT_WHOLE if manifest else "This is no backup of ingestd's.") from None
    if manifest is None:
        raise Unusable("This is no backup of ingestd's: it is empty.")
    return manifest


@contextmanager
def _opened(archive: Path) -> Iterator[gzip.GzipFile]:
    if archive == STREAM:
        with gzip.GzipFile(fileobj=sys.stdin.buffer) as packed:
            yield packed
        return
    try:
        file = archive.open("rb")
    except OSError as error:
        raise Unusable(f"{archive} cannot be read: {error.strerror}.") from None
    with file, gzip.GzipFile(fileobj=file) as packed:
        yield packed


def _manifest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Manifest:
    read = tar.extractfile(member) if member.isreg() and member.name == MANIFEST else None
    if read is None:
        raise Unusable("This is no backup of ingestd's: it does not begin with a manifest.")
    return parse(read.read(1 << 16), VERSION)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, staged: Path) -> None:
    """One file, on disk. Raises :class:`Unusable` for what is none, or has no place with us."""
    inner = place(member.name)
    read = tar.extractfile(member) if member.isreg() else None
    if read is None:
        raise Unusable(f"This archive has something that is no plain file: {member.name!r}.")
    path = staged / (inner or SETTINGS)
    media = inner is not None and inner.is_relative_to(MEDIA)
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o644 if media else 0o600)  # nginx reads media as another user
    except FileExistsError:
        raise Unusable(f"This archive has the same file twice: {member.name!r}.") from None
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(read, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _check(staged: Path, manifest: Manifest) -> None:
    """Whether what was unpacked fits together. Raises :class:`Unusable`."""
    if not (staged / MARK).exists() or (staged / DATABASE).exists() != bool(manifest.revision):
        raise Unusable(_NOT_WHOLE)
    try:
        ours = Digests.open(staged).fingerprint
        if not manifest.revision:
            return
        database = staged / DATABASE
        if revision_of(database) > VERSION:
            raise Unusable(
                "The database in this backup was made by a newer ingestd. Use that one or a later."
            )
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
            (theirs,) = opened.execute("SELECT fingerprint FROM state").fetchone() or (None,)
    except (StartError, sqlite3.Error):
        raise Unusable(_NOT_WHOLE) from None
    if theirs != ours:
        raise Unusable(f"In this backup {MARK} is not the one that its database was written with.")


def _put(staged: Path, data: Path, manifest: Manifest, *, everything: bool) -> Restored:
    (staged / kind.NOTE).write_text(kind.SQLITE if manifest.revision else kind.OTHER)
    there = [name for name in dict.fromkeys(_REPLACED) if (data / name).exists()]
    aside = _move_aside(data, [name for name in there if everything or (staged / name).exists()])
    settings = staged / SETTINGS
    kept = data / f"restored-{SETTINGS}" if settings.exists() else None
    if kept:
        settings.replace(kept)
    names = [path.name for path in staged.iterdir() if path.name != MARK]
    for name in names:
        (staged / name).replace(data / name)
    to_disk(data)
    (staged / MARK).replace(data / MARK)
    to_disk(data)
    return Restored(manifest, aside, kept)


def _move_aside(data: Path, there: list[str]) -> Path | None:
    """Where to; None: there is nothing."""
    if not there:
        return None
    aside = data / time.strftime("before-restore-%Y%m%d-%H%M%S")
    aside.mkdir(mode=0o700)
    for name in there:  # the mark first: what is left of a restore that was cut off is no installation
        (data / name).replace(aside / name)
    to_disk(data)
    return aside
