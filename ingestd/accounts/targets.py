"""Other places to which a channel is pushed. Their keys are encrypted, and never shown again."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ingestd.accounts import checks, rights, snapshot
from ingestd.accounts.audit import Audit
from ingestd.accounts.database import Database
from ingestd.accounts.digests import Digests
from ingestd.accounts.directory import Directory
from ingestd.accounts.model import Actor, Target
from ingestd.accounts.schema import ChannelRow, TargetRow
from ingestd.errors import Code


class Targets:
    """Every method may raise :class:`Refused`. Which hosts may be pushed to is decided by the push itself."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        digests: Digests,
        directory: Callable[[], Directory],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._audit, self._digests = database, audit, digests
        self._directory, self._clock = directory, clock

    async def list(self, channel: str) -> list[Target]:
        """The targets of a channel, the oldest first."""
        async with self._database.reading() as database:
            row = await rights.channel(database, channel)
            query = select(TargetRow).where(TargetRow.channel_id == row.id)
            rows = list(await database.scalars(query.order_by(TargetRow.created_at, TargetRow.id)))
        return [snapshot.target(row, channel) for row in rows]

    async def create(
        self, actor: Actor, channel: str, url: str, key: str, rendition: str, *, enabled: bool = True
    ) -> Target:
        row = TargetRow(id=secrets.token_hex(8), url=checks.push_url(url), enabled=enabled)
        row.rendition, row.sealed = checks.rendition(rendition), self._digests.seal(checks.push_key(key))
        row.created_at = self._clock()
        async with self._database.writing() as database:
            parent = await rights.managed(database, actor, channel)
            of_channel = select(func.count()).select_from(TargetRow).where(TargetRow.channel_id == parent.id)
            if (await database.scalar(of_channel) or 0) >= checks.TARGETS:
                raise checks.refuse(Code.CONFLICT, f"A channel has at most {checks.TARGETS} targets.")
            row.channel_id = parent.id
            database.add(row)
            self._audit.write(database, actor, "target.create", f"channel:{channel}", _named(row))
        return snapshot.target(row, channel)

    async def update(
        self,
        actor: Actor,
        target_id: str,
        *,
        url: str | None = None,
        key: str | None = None,
        rendition: str | None = None,
        enabled: bool | None = None,
    ) -> Target:
        """Change what is given. Another address needs the key again: else the key could be sent anywhere."""
        wanted = {
            "url": None if url is None else checks.push_url(url),
            "sealed": None if key is None else self._digests.seal(checks.push_key(key)),
            "rendition": None if rendition is None else checks.rendition(rendition),
            "enabled": enabled,
        }
        changes = {name: value for name, value in wanted.items() if value is not None}
        async with self._database.writing() as database:
            row, channel = await self._managed(database, actor, target_id)
            if changes.get("url", row.url) != row.url and key is None:
                raise checks.refuse(Code.INVALID, "Another address needs its key: give it again.")
            for name, value in changes.items():
                setattr(row, name, value)
            self._audit.write(database, actor, "target.update", f"channel:{channel.name}", _named(row))
            return snapshot.target(row, channel.name)

    async def delete(self, actor: Actor, target_id: str) -> None:
        async with self._database.writing() as database:
            row, channel = await self._managed(database, actor, target_id)
            await database.delete(row)
            self._audit.write(database, actor, "target.delete", f"channel:{channel.name}", _named(row))

    def secret(self, target_id: str) -> str:
        """The other place's key in clear, for the process that pushes there; from memory alone."""
        sealed = self._directory().sealed.get(target_id)
        if sealed is None:
            raise checks.refuse(Code.NOT_FOUND, "There is no such target.")
        return self._digests.unseal(sealed)

    async def _managed(
        self, database: AsyncSession, actor: Actor, target_id: str
    ) -> tuple[TargetRow, ChannelRow]:
        row = await database.get(TargetRow, target_id) if checks.is_id(target_id) else None
        if row is None:
            raise checks.refuse(Code.NOT_FOUND, "There is no such target.")
        return row, await rights.managed_by_id(database, actor, row.channel_id)


def _named(row: TargetRow) -> str:
    return f"target {row.id}"
