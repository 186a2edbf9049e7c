"""The audit log: who did what to what, from where. Written in the transaction that did it."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ingestd.accounts import checks
from ingestd.accounts.database import Database
from ingestd.accounts.model import Actor, Entry
from ingestd.accounts.schema import AuditRow

_MOST = 1000  # entries in one answer
_WORDS = 500  # characters of each field


class Audit:
    """The log; an entry is never changed or deleted by us."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def write(
        self, database: AsyncSession, actor: Actor, action: str, subject: str, detail: str = ""
    ) -> None:
        """Add an entry to a transaction. ``subject``: see :class:`Entry`; no secret goes into ``detail``."""
        words = (checks.shown(text, _WORDS) for text in (actor.who, action, subject, actor.address, detail))
        who, action, subject, address, detail = words
        database.add(
            AuditRow(
                at=self._clock(), who=who, action=action, subject=subject, address=address, detail=detail
            )
        )

    async def note(self, actor: Actor, action: str, subject: str, detail: str = "") -> None:
        """An entry for something that changes nothing here, such as a sign-in."""
        async with self._database.writing(shared=False) as database:
            self.write(database, actor, action, subject, detail)

    async def list(
        self,
        limit: int = 100,
        before: int | None = None,
        subject: str | None = None,
        since: str | None = None,
    ) -> list[Entry]:
        """The newest first; ``before``: the id of the last entry that is known already.

        ``since``: the action with which what has the subject's name now began; older entries tell of
        something else that had it.
        """
        query = select(AuditRow).order_by(AuditRow.id.desc()).limit(max(1, min(limit, _MOST)))
        if before is not None:
            query = query.where(AuditRow.id < max(0, min(before, 2**31 - 1)))
        if subject is not None:
            query = query.where(AuditRow.subject == checks.shown(subject, _WORDS))
        if since is not None:
            began = select(func.max(AuditRow.id)).where(AuditRow.subject == subject, AuditRow.action == since)
            query = query.where(AuditRow.id >= began.scalar_subquery())
        async with self._database.reading() as database:
            return [_entry(row) for row in await database.scalars(query)]


def _entry(row: AuditRow) -> Entry:
    return Entry(row.id, row.at, row.who, row.action, row.subject, row.address, row.detail)
