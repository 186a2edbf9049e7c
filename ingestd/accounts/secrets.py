"""The secrets that sign and verify this installation's tokens: the current one and the one before.

Two are valid, so that a rotation throws nobody out: what was signed with the previous secret stays
good until it expires. They stand in the settings, or else in ``<data>/secret`` and
``<data>/secret.previous`` (mode 0600), which are read again whenever they have changed, so that a
daemon notices what the command line did.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
import structlog
from jwt.algorithms import HMACAlgorithm

from ingestd.accounts import private_files
from ingestd.errors import StartError
from ingestd.settings import Auth

log = structlog.get_logger("ingestd.accounts.secrets")

_BYTES = 32  # RFC 7518 §3.2: a key for HS256 has at least the size of the hash
_DIFFERENT = 10  # characters; a random secret of that length has more
_MEND = "take what `openssl rand -hex 32` prints, or remove it, and one is made."

_State = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """``current`` signs and verifies, ``previous`` only verifies."""

    current: bytes
    previous: bytes | None

    @property
    def valid(self) -> tuple[bytes, ...]:
        return (self.current,) if self.previous is None else (self.current, self.previous)


class Secrets:
    """The pair that is valid now."""

    def __init__(self, auth: Auth, data: Path) -> None:
        self._auth, self._data = auth, data
        self._state = self._look()
        self._pair = self._read()
        self._fault = ""

    @classmethod
    def open(cls, auth: Auth, data: Path) -> Secrets:
        """Read them; make the file at the first start. Raises StartError: unreadable, or weak."""
        if not auth.secret:
            private_files.kept(_current(data), _fresh)
        with _told(data):
            return cls(auth, data)

    def now(self) -> Pair:
        """The valid pair. While the files are unusable, which is reported once, the last good one stays."""
        state = self._look()  # before reading: a change since then is seen the next time
        if state != self._state:
            self._reread(state)
        return self._pair

    def _reread(self, state: _State) -> None:
        try:
            with _told(self._data):
                self._pair, self._state, self._fault = self._read(), state, ""
        except StartError as error:
            if self._fault != str(error):
                log.error("token_files_unusable", error=str(error))
            self._fault = str(error)

    def _look(self) -> _State:
        return tuple(_stamp(path) for path in (_current(self._data), _previous(self._data)))

    def _read(self) -> Pair:
        """The current one first: while a rotation goes on it may be met twice, and never be missed."""
        if self._auth.secret:
            current = checked(self._auth.secret, "auth.secret")
        else:
            current = _load(_current(self._data))
        return Pair(current, self._read_previous())

    def _read_previous(self) -> bytes | None:
        if self._auth.previous_secret:
            return checked(self._auth.previous_secret, "auth.previous_secret")
        if self._auth.secret or not _previous(self._data).exists():
            return None
        return _load(_previous(self._data))


def rotate(data: Path) -> None:
    """Make a new secret; the current one becomes the previous one. Raises StartError with words.

    Whoever reads in between finds the current secret in both files. Two rotations at a time take
    turns: else tokens signed between them would be verified by neither secret.
    """
    with _told(data), alone(data):
        path = _current(data)
        if path.exists():
            private_files.replace(_previous(data), _load(path).decode())
        private_files.replace(path, _fresh())


def _fresh() -> str:
    return secrets.token_hex(_BYTES)


def _current(data: Path) -> Path:
    return data / "secret"


def _previous(data: Path) -> Path:
    return data / "secret.previous"


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What differs after a change: also within one tick of the clock, as a new file has another inode."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _load(path: Path) -> bytes:
    return checked(path.read_text(encoding="utf-8", errors="replace"), str(path))


def checked(text: str, where: str) -> bytes:
    """The secret as bytes. Raises StartError where it could be guessed, or is no secret at all."""
    secret = text.strip().encode(errors="replace")
    if len(secret) < _BYTES:
        raise StartError(f"{where} is too short to be a secret (at least {_BYTES} bytes): {_MEND}")
    if len(set(secret)) < _DIFFERENT:
        raise StartError(f"{where} is too easy to guess (at least {_DIFFERENT} different bytes): {_MEND}")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except jwt.InvalidKeyError:  # the public part of something: anybody could sign
        raise StartError(f"{where} is a key or certificate, no secret: {_MEND}") from None
    return secret


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Nobody else rotates the secrets meanwhile."""
    directory = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def _told(data: Path) -> Iterator[None]:
    """Say what is wrong with a file, by its name."""
    try:
        yield
    except OSError as error:
        raise StartError(
            f"{error.filename or data}: {error.strerror}. It holds secrets and has to be readable."
        ) from None
