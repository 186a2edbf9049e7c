"""Passwords: argon2id with the parameters of RFC 9106 (64 MiB), hashed beside the event loop."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import ARGON2_VERSION

from ingestd.errors import Code, Refusal

SHORTEST, LONGEST = 10, 1000  # characters
_AT_ONCE = 2  # each takes 64 MiB and a core: a crowd at the door waits in line
_KIND = "argon2id"  # of every hasher here
_UNFIT = Refusal(Code.INVALID, f"A password has between {SHORTEST} and {LONGEST} characters.")


class Passwords:
    """Hashes and verifies; ``hasher`` holds the parameters."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody = _random(self._hasher)
        self._line = asyncio.Semaphore(_AT_ONCE)

    @staticmethod
    def fault(password: str) -> Refusal | None:
        """Why this may not become somebody's password."""
        return None if SHORTEST <= len(password) <= LONGEST else _UNFIT

    async def hash(self, password: str) -> str:
        async with self._line:
            return await asyncio.to_thread(self._hasher.hash, _bytes(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether it is the one; None (nobody of that name) costs as much as a wrong password."""
        async with self._line:
            right = await asyncio.to_thread(self._verify, stored or self._nobody, _bytes(password[:LONGEST]))
        return right and stored is not None and len(password) <= LONGEST

    def outdated(self, stored: str) -> bool:
        """Whether it was hashed with other parameters than a new one would be."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False


def _random(hasher: PasswordHasher) -> str:
    """What a hash by ``hasher`` looks like, of no password: to make one would cost as much as a sign-in."""
    salt, digest = (
        b64encode(os.urandom(length)).decode().rstrip("=") for length in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"${_KIND}$v={ARGON2_VERSION}${costs}${salt}${digest}"


def _bytes(password: str) -> bytes:
    """One spelling for what looks the same: keyboards differ in how they compose an é."""
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")
