"""The first start: a user, a channel and a key, so that an installation can be used at once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from ingestd.accounts import private_files
from ingestd.accounts.channels import Channels
from ingestd.accounts.digests import FILE as STORAGE_KEY
from ingestd.accounts.digests import Digests
from ingestd.accounts.keys import Keys
from ingestd.accounts.model import Actor, Role
from ingestd.accounts.passwords import Passwords
from ingestd.accounts.schema import ChannelRow, StateRow
from ingestd.accounts.users import Users
from ingestd.errors import StartError

DEMO_KEY = "demo.key"
_ADMIN, _DEMO = "admin", "demo"
_BYTES = 12  # of the admin's password
_SERVER = Actor(None, "", "server")


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What this start has made: the name and the password of the admin, which is told this once."""

    admin: str
    password: str


async def install(
    database: AsyncSession,
    data: Path,
    digests: Digests,
    passwords: Passwords,
    users: Users,
    channels: Channels,
    keys: Keys,
    *,
    fill: bool,
) -> FirstStart | None:
    """Fill an empty database, all of it or nothing; None: it was filled before.

    Raises :class:`StartError` when it was filled under another storage key, or is empty and must not be
    filled (``fill``).
    """
    state = await database.get(StateRow, 1)
    if state is not None:
        _compare(state, digests, data)
        return None
    if not fill:
        raise StartError("The database is empty: the server's first start fills it, and no command does.")
    database.add(StateRow(id=1, version=1, fingerprint=digests.fingerprint))
    first = FirstStart(_ADMIN, secrets.token_urlsafe(_BYTES))
    await users.add(database, _SERVER, _ADMIN, await passwords.hash(first.password), Role.ADMIN)
    demo = ChannelRow(id=secrets.token_hex(8), name=_DEMO, title="Demo", description="", owner_id=None)
    demo.private, demo.record = False, False
    await channels.add(database, _SERVER, demo)
    key, _ = await keys.add(database, _SERVER, demo, "made at the first start")
    private_files.replace(data / DEMO_KEY, key)  # before the commit: a key that nobody knows helps nobody
    return first


def demo_key(data: Path) -> str:
    """The key in ``demo.key`` in clear; empty: there is none."""
    try:
        return (data / DEMO_KEY).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _compare(state: StateRow, digests: Digests, data: Path) -> None:
    if not secrets.compare_digest(state.fingerprint, digests.fingerprint):
        raise StartError(
            f"{data / STORAGE_KEY} is not the one that this database was written with: no stream key and no"
            " session in it could be recognised. Put the original back, from a backup or from the machine"
            " that shares the database."
        )
