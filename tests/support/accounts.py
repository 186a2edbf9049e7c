"""Channels, stream keys and tokens of an installation, for tests that need them before it runs."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Any

import jwt
from argon2 import PasswordHasher

from ingestd.accounts.accounts import Accounts
from ingestd.accounts.model import Actor
from ingestd.accounts.passwords import Passwords
from ingestd.accounts.schema import ChannelRow
from ingestd.settings import Settings

_MAKER = Actor(None, "", "test")
_MAKING = Lock()  # Alembic keeps what it works on in globals
_DEMO = "demo"  # the channel that every installation begins with


def cheap_passwords() -> Passwords:
    """Hashed in no time, as no password should be."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def make_channels(data: Path, names: Iterable[str]) -> dict[str, str]:
    """Make an installation with these channels besides ``demo``, each with one stream key; name: key.

    All of it in one transaction: 200 channels take no longer than one. What is stored nowhere in
    clear (keys, the admin's password) is kept beside ``data``, for the functions below.
    """
    with _MAKING:
        return asyncio.run(_make(data, list(names)))


def key_of(data: Path, channel: str) -> str:
    """The stream key that :func:`make_channels` or the first start made for a channel."""
    keys: dict[str, str] = _kept(data).get("keys", {})
    return keys[channel] if channel in keys else _first_key(data, channel)


def exchange_key(data: Path, channel: str) -> str:
    """Another process regenerates the channel's only stream key; the new one."""
    return asyncio.run(_exchange(data, channel))


def admin_password(data: Path) -> str:
    """Of the user ``admin`` of an installation that :func:`make_channels` made."""
    password: str = _kept(data)["password"]
    return password


def token_for(data: Path, channel: str, lifetime: float = 3600.0, scope: str = "publish") -> str:
    """A token of this installation, good for so many seconds.

    Written out here, so that it stays what publishers hold in their hands, whatever becomes of the
    code that mints.
    """
    now = int(time.time())
    claims = {"aud": "ingestd", "scope": scope, "channel": channel, "iat": now}
    claims |= {"exp": now + int(lifetime), "jti": secrets.token_hex(8)}
    return jwt.encode(claims, (data / "secret").read_text().strip().encode(), "HS256")


async def _make(data: Path, names: list[str]) -> dict[str, str]:
    accounts = await Accounts.open(Settings(), data, passwords=cheap_passwords())
    try:
        keys = await _fill(accounts, [name for name in names if name != _DEMO])
        keys |= {_DEMO: _first_key(data, _DEMO)}
        password = accounts.first.password if accounts.first else ""
    finally:
        await accounts.close()
    beside = _beside(data)
    beside.write_text(json.dumps({"keys": keys, "password": password}))
    beside.chmod(0o600)
    return {name: keys[name] for name in names}


async def _fill(accounts: Accounts, names: list[str]) -> dict[str, str]:
    keys = {}
    async with accounts._database.writing() as database:
        for name in names:
            row = ChannelRow(id=secrets.token_hex(8), name=name, title=name.title(), description="")
            row.private, row.record, row.created_at = False, False, time.time()
            await accounts.channels.add(database, _MAKER, row)
            keys[name], _ = await accounts.keys.add(database, _MAKER, row, "test")
    return keys


async def _exchange(data: Path, channel: str) -> str:
    accounts = await Accounts.open(Settings(), data, passwords=cheap_passwords())
    try:
        (only,) = await accounts.keys.list(channel)
        key, _ = await accounts.keys.regenerate(_MAKER, only.id)
    finally:
        await accounts.close()
    return key


def _first_key(data: Path, channel: str) -> str:
    assert channel == _DEMO, f"nobody made a channel {channel} in {data}"
    return (data / "demo.key").read_text().strip()


def _kept(data: Path) -> dict[str, Any]:
    beside = _beside(data)
    return json.loads(beside.read_text()) if beside.exists() else {}


def _beside(data: Path) -> Path:
    return data.with_name(f"{data.name}.keys.json")
