"""The certificate for TLS: examined, handed to nginx's workers, and renewed under its hands."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ingestd.errors import StartError

log = structlog.get_logger("ingestd.nginx.certificate")

_LOOK_EVERY = 5.0  # seconds between two looks at the files


@dataclass(frozen=True, slots=True)
class Pair:
    """A chain and the key that belongs to its first certificate, as PEM."""

    pem: bytes
    expires: datetime

    @property
    def days(self) -> float:
        """Until it expires; negative once it has."""
        return (self.expires - datetime.now(UTC)).total_seconds() / 86400


def read_pair(chain: Path, key: Path) -> Pair:
    """Both files, if they are what they should be; raises StartError that says what is wrong."""
    texts = [_read(chain), _read(key)]
    try:
        first = x509.load_pem_x509_certificates(texts[0])[0]
        public, expires = _public(first.public_key()), first.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm) as error:
        words = f"http.tls_certificate: {chain} holds no certificate in PEM that can be used ({error})."
        raise StartError(words) from None
    try:
        secret = _public(load_pem_private_key(texts[1], password=None).public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        words = f"http.tls_key: {key} holds no private key in PEM, without a password, that can be used."
        raise StartError(words) from None
    if secret != public:
        raise StartError(f"http.tls_key: {key} is not the key of the certificate in {chain}.")
    return Pair(b"\n".join(texts), expires)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartError(f"{path} cannot be read: {error.strerror}. TLS needs it.") from None


def _public(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


class Certificate:
    """Keeps ``copy``, which nginx reads at each handshake, equal to the operator's pair of files.

    Chain and key are one file there, so that no two files have to change at once. (nginx reads it for each
    of the two: a handshake between them, in the instant of the change, fails, and whoever tries again gets
    the new pair.) The key is readable for ``group`` (of nginx's workers), or for ourselves alone. A pair that
    is half renewed, or wrong in any other way, changes nothing.
    """

    def __init__(self, chain: Path, key: Path, copy: Path, group: int | None) -> None:
        self._files = (chain, key)
        self._copy = copy
        self._group = group
        self._taken = b""
        self._complained = ""

    @property
    def copy(self) -> Path:
        return self._copy

    def take(self) -> None:
        """Hand over what the files hold now. Raises StartError, and leaves the copy as it was."""
        pair = read_pair(*self._files)
        if pair.pem == self._taken:
            return
        try:
            self._write(pair.pem)
        except OSError as error:
            raise StartError(f"{self._copy} cannot be written: {error.strerror}.") from None
        self._taken = pair.pem
        if pair.days < 0:
            log.warning("certificate_expired", file=str(self._files[0]), since=pair.expires.isoformat())
        else:
            log.info("certificate_taken", file=str(self._files[0]), expires=pair.expires.isoformat())

    def _write(self, pem: bytes) -> None:
        scratch = self._copy.with_name(f".{self._copy.name}.new")
        scratch.unlink(missing_ok=True)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if self._group is not None:
                os.fchown(descriptor, -1, self._group)
                os.fchmod(descriptor, 0o640)
            file.write(pem)
        scratch.replace(self._copy)

    async def follow(self, every: float = _LOOK_EVERY) -> None:
        """For ever: take up a renewed pair within ``every`` seconds; say once what is wrong with it.

        The contents are compared, not times: a renewal may change a link far from here.
        """
        if not self._taken:
            with contextlib.suppress(OSError):  # what `ingestd nginx-config` has handed over
                self._taken = self._copy.read_bytes()
        while True:
            await asyncio.sleep(every)
            try:
                self.take()
                self._complained = ""
            except StartError as error:
                if str(error) != self._complained:
                    log.warning("certificate_not_taken", reason=str(error))
                self._complained = str(error)
