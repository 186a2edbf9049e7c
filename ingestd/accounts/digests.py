"""What the database holds in place of secrets.

Stream keys and session secrets are random (24 and 32 bytes): nobody guesses them, so a slow hash
as for passwords would add nothing but time to every connection. They are stored as HMAC-SHA256
under a key that is not in the database: who has stolen a database alone can neither use what is in
it nor check a guess against it, and who can write to it cannot forge a key.

Keys of push targets have to be handed to the other place in clear, so they are encrypted (Fernet:
AES-128-CBC with HMAC). All keys derive from the one in ``storage.key`` by HKDF (RFC 5869), one for
each purpose, so that a value of one kind is worth nothing as another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ingestd.accounts import private_files
from ingestd.errors import StartError

FILE = "storage.key"
_BYTES = 32


class Digests:
    """Digests and encryption under one installation's storage key."""

    def __init__(self, storage_key: bytes) -> None:
        self._keys = _derive(storage_key, "stream keys")
        self._sessions = _derive(storage_key, "sessions")
        self._fernet = Fernet(base64.urlsafe_b64encode(_derive(storage_key, "push targets")))
        self.fingerprint = _derive(storage_key, "fingerprint")
        """Kept in the database to tell whether it was written under this storage key; reveals nothing."""

    @classmethod
    def open(cls, data: Path) -> Digests:
        """With the key in ``data``, made at the first start; raises :class:`StartError`."""
        path = data / FILE
        text = private_files.kept(path, lambda: secrets.token_hex(_BYTES))
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) < _BYTES:
            raise StartError(f"{path} is damaged: it holds {2 * _BYTES} hexadecimal digits. Restore it.")
        return cls(key)

    def of_key(self, stream_key: str) -> bytes:
        """32 bytes for a stream key, whatever text it is."""
        return _digest(self._keys, stream_key)

    def of_session(self, secret: str) -> bytes:
        """32 bytes for the secret in a session's cookie."""
        return _digest(self._sessions, secret)

    def seal(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def unseal(self, sealed: bytes) -> str:
        """Raises :class:`cryptography.fernet.InvalidToken` for what was not sealed here."""
        return self._fernet.decrypt(sealed).decode()


def _derive(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), _BYTES, salt=None, info=f"ingestd {purpose}".encode()).derive(key)


def _digest(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(errors="surrogatepass"), hashlib.sha256)
