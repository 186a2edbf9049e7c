"""Who may publish: stream keys and tokens of one installation, kept under the data directory.

The first start makes a secret and a demo channel; no key exists that another installation could
have too. Everything is compared in constant time, and a wrong key costs the same work as a wrong
token, so neither answer nor timing tells which of the two was wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import jwt

from ingestd.errors import Code, Refusal, StartError

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
AUDIENCE = "ingestd"
SCOPE = "publish"
_ALGORITHM = "HS256"
_SECRET_BYTES = 32
_KEY_LENGTH = 16  # characters
_DEMO = "demo"

_WRONG = Refusal(Code.UNAUTHENTICATED, "The stream key or the token is not valid.")
_MISSING = Refusal(
    Code.TOKEN_MISSING, "A token is missing: give token=…, Authorization: Bearer, or bearer.TOKEN."
)
_EXPIRED = Refusal(Code.TOKEN_EXPIRED, "The token has expired; get a new one from the server's operator.")


@dataclass(frozen=True, slots=True)
class Channel:
    """A public place, and the secret that lets someone publish to it."""

    name: str
    title: str
    stream_key: str


class Credentials:
    """The installation's secret and its channels."""

    def __init__(self, secret: bytes, channels: list[Channel]) -> None:
        self._secret = secret
        self.channels = {channel.name: channel for channel in channels}

    @classmethod
    def open(cls, directory: Path) -> Credentials:
        """Read them from ``directory``; make them at the first start (files of mode 0600)."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            secret = _read_secret(directory / "secret")
            return cls(secret, _read_channels(directory / "channels.json"))
        except OSError as error:
            raise StartError(
                f"{error.filename or directory}: {error.strerror}. It holds secrets and has to be readable."
            ) from None

    def token(self, channel: str, lifetime: float, now: float | None = None) -> str:
        """A JWT that lets its bearer publish to ``channel`` for ``lifetime`` seconds."""
        issued = int(time.time() if now is None else now)
        claims = {"aud": AUDIENCE, "scope": SCOPE, "channel": channel, "iat": issued}
        claims |= {"exp": issued + int(lifetime), "jti": secrets.token_hex(8)}
        return jwt.encode(claims, self._secret, _ALGORITHM)

    def admit(self, stream_key: str, token: str) -> Channel | Refusal:
        """The channel that this key and token may publish to, or why not."""
        channel = self._by_key(stream_key)
        claims = self._claims(token)
        if not token:
            return _MISSING
        if channel is None or claims is None:
            return _WRONG
        if claims.get("expired"):
            return _EXPIRED
        if claims.get("scope") != SCOPE or claims.get("channel") != channel.name:
            return Refusal(Code.FORBIDDEN, "This token does not allow publishing with this stream key.")
        return channel

    def _by_key(self, stream_key: str) -> Channel | None:
        """Every key is compared, by digests of equal length, whether or not one was found."""
        given, found = self._digest(stream_key), None
        for channel in self.channels.values():
            if hmac.compare_digest(given, self._digest(channel.stream_key)):
                found = channel
        return found

    def _digest(self, key: str) -> bytes:
        return hmac.digest(self._secret, key.encode(errors="replace"), hashlib.sha256)

    def _claims(self, token: str) -> dict[str, object] | None:
        """What a genuine token says, with ``expired`` set when its time is over; None: not genuine."""
        options: dict[str, object] = {"require": ["exp", "iat"], "verify_exp": False}
        try:
            claims = jwt.decode(token, self._secret, [_ALGORITHM], audience=AUDIENCE, options=options)  # type: ignore[arg-type]
            return {**claims, "expired": float(claims["exp"]) <= time.time()}
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            return None


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")


def _read_secret(path: Path) -> bytes:
    if not path.exists():
        _write_private(path, secrets.token_hex(_SECRET_BYTES))
    secret = path.read_text(encoding="utf-8", errors="replace").strip().encode()
    if len(secret) < _SECRET_BYTES:
        raise StartError(f"{path} is too short to be a secret: delete it, and a new one is made.")
    return secret


def _read_channels(path: Path) -> list[Channel]:
    if not path.exists():
        demo = {_DEMO: {"title": "Demo", "stream_key": secrets.token_urlsafe(24)}}
        _write_private(path, json.dumps(demo, indent=2))
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        channels = [Channel(name, entry["title"], entry["stream_key"]) for name, entry in entries.items()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartError(
            f"{path} cannot be read: {error!r}. It holds {{slug: {{title, stream_key}}}}."
        ) from None
    for channel in channels:
        if fault := _fault(channel):
            raise StartError(f"{path}: channel {channel.name!r}: {fault}.")
    if len({channel.stream_key for channel in channels}) < max(1, len(channels)):
        raise StartError(f"{path}: at least one channel is needed, and each with a stream key of its own.")
    return channels


def _fault(channel: Channel) -> str | None:
    if not SLUG.fullmatch(channel.name):
        return "a name is made of a-z, 0-9 and -, up to 64"
    if not isinstance(channel.title, str) or not isinstance(channel.stream_key, str):
        return "title and stream_key are strings"
    if len(channel.stream_key) < _KEY_LENGTH:
        return f"the stream key is shorter than {_KEY_LENGTH} characters"
    return None
