"""Tokens that were taken back before their time; each is remembered until it would have expired."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import delete

from ingestd.accounts import checks
from ingestd.accounts.audit import Audit
from ingestd.accounts.database import Database
from ingestd.accounts.model import Actor
from ingestd.accounts.schema import RevocationRow


class Revocations:
    def __init__(self, database: Database, audit: Audit, clock: Callable[[], float] = time.time) -> None:
        self._database, self._audit, self._clock = database, audit, clock

    async def add(self, jti: str, expires_at: float, actor: Actor, subject: str) -> None:
        """Remember ``jti`` until ``expires_at``. Asks for no right: :meth:`Tokens.revoke` does.

        ``subject``: see :class:`Entry`.
        """
        jti = checks.token_id(jti)
        async with self._database.writing() as database:
            await database.execute(delete(RevocationRow).where(RevocationRow.expires_at < self._clock()))
            await database.merge(RevocationRow(jti=jti, expires_at=expires_at))
            self._audit.write(database, actor, "token.revoke", subject, f"token {jti}")
