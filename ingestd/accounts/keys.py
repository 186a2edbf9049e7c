"""Stream keys: random, shown once, stored as keyed digests (:mod:`ingestd.accounts.digests` says why)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ingestd.accounts import checks, rights, snapshot
from ingestd.accounts.audit import Audit
from ingestd.accounts.database import Database
from ingestd.accounts.digests import Digests
from ingestd.accounts.model import Actor, StreamKey
from ingestd.accounts.schema import ChannelRow, KeyRow
from ingestd.errors import Code

_BYTES = 24  # of a key


class Keys:
    """Every method but :meth:`used` may raise :class:`Refused`."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        digests: Digests,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._audit, self._digests, self._clock = database, audit, digests, clock
        self._uses: dict[str, tuple[float, str]] = {}  # by id: when and from where, not yet written

    async def list(self, channel: str) -> list[StreamKey]:
        """The keys of a channel, the oldest first."""
        async with self._database.reading() as database:
            row = await rights.channel(database, channel)
            query = select(KeyRow).where(KeyRow.channel_id == row.id)
            rows = list(await database.scalars(query.order_by(KeyRow.created_at, KeyRow.id)))
        return [self._with_use(snapshot.key(row, channel)) for row in rows]

    async def create(self, actor: Actor, channel: str, label: str) -> tuple[str, StreamKey]:
        """The key itself, which is told this once, and what is known of it."""
        label = checks.label(label)
        async with self._database.writing() as database:
            row = await rights.managed(database, actor, channel)
            of_channel = select(func.count()).select_from(KeyRow).where(KeyRow.channel_id == row.id)
            if (await database.scalar(of_channel) or 0) >= checks.KEYS:
                words = f"A channel has at most {checks.KEYS} keys: revoke one that is not needed."
                raise checks.refuse(Code.CONFLICT, words)
            return await self.add(database, actor, row, label)

    async def add(
        self, database: AsyncSession, actor: Actor, channel: ChannelRow, label: str, instead_of: str = ""
    ) -> tuple[str, StreamKey]:
        """The same within a transaction, perhaps instead of a key with that id; asks for no right."""
        secret = secrets.token_urlsafe(_BYTES)
        row = KeyRow(id=secrets.token_hex(8), channel_id=channel.id, digest=self._digests.of_key(secret))
        row.label, row.created_at = label, self._clock()
        database.add(row)
        action = "key.regenerate" if instead_of else "key.create"
        detail = f"key {row.id}{f' instead of {instead_of}' if instead_of else ''} {label}".strip()
        self._audit.write(database, actor, action, f"channel:{channel.name}", detail)
        await database.flush()
        return secret, snapshot.key(row, channel.name)

    async def revoke(self, actor: Actor, key_id: str) -> None:
        async with self._database.writing() as database:
            row, channel = await self._managed(database, actor, key_id)
            await database.delete(row)
            detail = f"key {row.id} {row.label}".strip()
            self._audit.write(database, actor, "key.revoke", f"channel:{channel.name}", detail)

    async def regenerate(self, actor: Actor, key_id: str) -> tuple[str, StreamKey]:
        """Another key, with another id, in place of this one: what publishes with the old one ends."""
        async with self._database.writing() as database:
            row, channel = await self._managed(database, actor, key_id)
            await database.delete(row)
            return await self.add(database, actor, channel, row.label, row.id)

    async def _managed(self, database: AsyncSession, actor: Actor, key_id: str) -> tuple[KeyRow, ChannelRow]:
        row = await database.get(KeyRow, key_id) if checks.is_id(key_id) else None
        if row is None:
            raise checks.refuse(Code.NOT_FOUND, "There is no such stream key.")
        return row, await rights.managed_by_id(database, actor, row.channel_id)

    def used(self, key_id: str, address: str) -> None:
        """Somebody publishes with this key. Noted in memory and written later: it neither waits nor fails."""
        self._uses[key_id] = self._clock(), checks.shown(address)

    async def write_uses(self) -> None:
        """Write what :meth:`used` has noted; kept for the next time if that cannot be."""
        uses = dict(self._uses)
        if not uses:
            return
        async with self._database.writing(shared=False) as database:
            for key_id, (at, address) in uses.items():
                row = update(KeyRow).where(KeyRow.id == key_id)
                await database.execute(row.values(last_used_at=at, last_used_from=address))
        self._uses = {key: use for key, use in self._uses.items() if uses.get(key) != use}

    def _with_use(self, key: StreamKey) -> StreamKey:
        at, address = self._uses.get(key.id, (key.last_used_at, key.last_used_from))
        return replace(key, last_used_at=at, last_used_from=address)
