"""The keys of an outside identity provider, fetched from its JWKS URL (RFC 7517) and cached.

A provider that is slow, gone or mad harms nobody: one fetch at a time, bounded in time and size, and
the last good keys go on counting for a day. What is asked of :meth:`Jwks.key` by strangers (any token
may name any key) costs at most one fetch in ten seconds.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from ingestd.errors import StartError
from ingestd.tasks import Tasks

log = structlog.get_logger("ingestd.accounts.jwks")

Key = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey
Keys = Mapping[tuple[str, str | None], Key]  # by (alg, kid)

_FRESH = 600.0  # seconds for which keys are not asked for again
_GOOD = 86400.0  # seconds after which keys that cannot be fetched again count no more
_PAUSE = 10.0  # seconds between two fetches at least
_TIMEOUT = 3.0  # seconds for all of a fetch
_SIZE = 1024 * 1024  # bytes of an answer
_MOST_KEYS = 100
_RSA_BITS = range(2048, 8192 + 1)  # RFC 7518 §3.3; more is a burden, not safety
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}  # a bomb unpacks beyond any limit
# for plain HTTP, where reading the certificates of all authorities would be time lost
_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}  # by kty; never `oct`: that is a shared secret


class Broken(Exception):
    """The provider's answer is no set of keys; the text says why."""


class Jwks:
    """The provider's keys. ``down``: the last fetch has failed, so a key that is unknown may be genuine."""

    def __init__(
        self, url: str, *, timeout: float = _TIMEOUT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        address = _checked(url)
        self._url, self.timeout, self._clock = url, timeout, clock
        self._client = httpx.AsyncClient(
            timeout=None,
            headers=_HEADERS,
            trust_env=not _is_local(address.host),  # a proxy leads outside
            verify=True if address.scheme == "https" else _NOBODY,
        )
        self._tasks = Tasks("jwks")
        self._flight: asyncio.Task[None] | None = None
        self._started_at = -_PAUSE + clock()
        self._fetched_at = -_GOOD + clock()
        self._keys: Keys = {}
        self.down = False

    async def key(self, algorithm: str, kid: str | None) -> Key | None:
        """The key of that name for that algorithm; without a name, the only one for it. None: not known.

        Waits for a fetch (3 s at most) when the key is unknown, or the cache is over ten minutes old;
        while the provider is down, keys of the cache are given at once.
        """
        found = self._find(algorithm, kid)
        if found is None or self._age() >= _FRESH:
            flight = self._fetching()
            if flight and (found is None or not self.down):
                await asyncio.wait([flight])
        return self._find(algorithm, kid)

    async def close(self) -> None:
        await self._tasks.close()
        await self._client.aclose()

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _find(self, algorithm: str, kid: str | None) -> Key | None:
        if self._age() >= _GOOD:
            return None
        if kid is not None:
            return self._keys.get((algorithm, kid))
        suitable = [key for (name, _), key in self._keys.items() if name == algorithm]
        return suitable[0] if len(suitable) == 1 else None

    def _fetching(self) -> asyncio.Task[None] | None:
        """The fetch that goes on; a new one if it is time for one; or none."""
        if self._flight is None and self._clock() - self._started_at >= _PAUSE:
            self._started_at = self._clock()
            self._flight = self._tasks.spawn(self._refresh(), "fetch")
        return self._flight

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(self.timeout):  # for all of it: httpx would count each read anew
                body = await self._fetch()
            self._keys = await asyncio.to_thread(parse, body)
            self._fetched_at, self.down = self._clock(), False
        except (httpx.HTTPError, Broken, TimeoutError) as error:
            self.down = True
            log.warning("jwks_unavailable", reason=str(error) or type(error).__name__, keys=len(self._keys))
        finally:
            self._flight = None

    async def _fetch(self) -> bytes:
        """The body of the answer. Redirects are not followed: the keys come from where we were told."""
        async with self._client.stream("GET", self._url) as response:
            if response.status_code != httpx.codes.OK:
                raise Broken(f"status {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Broken("a compressed answer, which was not asked for")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _SIZE:
                    raise Broken(f"more than {_SIZE} bytes")
            return bytes(body)


def parse(body: bytes) -> Keys:
    """The keys of a JWKS that can verify signatures; others are passed over (RFC 7517 §5)."""
    try:
        entries = json.loads(body)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Broken("no JSON with a list of keys") from None
    if not isinstance(entries, list) or len(entries) > _MOST_KEYS:
        raise Broken(f"no list of at most {_MOST_KEYS} keys")
    keys: dict[tuple[str, str | None], Key] = {}
    for entry in entries:
        algorithm, key = _suitable(entry)
        if key is not None:
            kid = entry.get("kid")
            keys.setdefault((algorithm, kid if isinstance(kid, str) else None), key)
    return keys


def _suitable(entry: Any) -> tuple[str, Key | None]:
    """The algorithm that this JWK is for, by its type alone, and its key if it may be used for it.

    A private key is no such key: one that was published is nobody's any more.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("kty"), str):
        return "", None
    algorithm = _ALGORITHMS.get(entry["kty"], "")
    operations = entry.get("key_ops", ["verify"])
    meant = (
        entry.get("alg", algorithm) == algorithm
        and entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )
    return algorithm, _material(algorithm, entry) if meant else None


def _material(algorithm: str, entry: dict[str, Any]) -> Key | None:
    try:
        return _LOADERS[algorithm](entry)
    except (KeyError, jwt.PyJWTError, ValueError, TypeError, OverflowError):
        return None


def _rsa(entry: dict[str, Any]) -> Key | None:
    if len(entry["n"]) > _RSA_BITS[-1] // 4:  # base64 has 6 bits a character: no work for a monster
        return None
    key = RSAAlgorithm.from_jwk(entry)
    return key if isinstance(key, RSAPublicKey) and key.key_size in _RSA_BITS else None


def _ec(entry: dict[str, Any]) -> Key | None:
    key = ECAlgorithm.from_jwk(entry)
    return key if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else None


def _okp(entry: dict[str, Any]) -> Key | None:
    key = OKPAlgorithm.from_jwk(entry)
    return key if isinstance(key, Ed25519PublicKey | Ed448PublicKey) else None


_LOADERS: Mapping[str, Callable[[dict[str, Any]], Key | None]] = {"RS256": _rsa, "ES256": _ec, "EdDSA": _okp}


def _checked(url: str) -> httpx.URL:
    """The address. Raises StartError if anybody on the way to it could change the keys."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        raise StartError("auth.jwks_url is no URL.") from None
    safe = address.scheme == "https" or (address.scheme == "http" and _is_local(address.host))
    if not address.host or not safe:
        raise StartError(
            "auth.jwks_url has to be https://…: whoever changes the keys on the way could sign tokens"
            " (http:// only to this machine)."
        )
    return address


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
