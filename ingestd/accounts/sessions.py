"""Browsers in which somebody is signed in. Only a digest of the cookie's secret is stored."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from sqlalchemy import delete, select, update

from ingestd.accounts import checks, rights, snapshot
from ingestd.accounts.audit import Audit
from ingestd.accounts.database import Database
from ingestd.accounts.digests import Digests
from ingestd.accounts.model import Actor, Session, User
from ingestd.accounts.schema import SessionRow, UserRow
from ingestd.errors import Code, Refused

_BYTES = 32  # of the secret
_TOUCHED = 60.0  # seconds between two notes of the last use
_MOST = 100  # sessions of one user; beyond it the one that was used longest ago ends


class Sessions:
    """``lifetime``: seconds after its last use for which a session is good."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        digests: Digests,
        lifetime: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._audit, self._digests = database, audit, digests
        self._lifetime, self._clock = lifetime, clock

    async def open(
        self, user: User, device: str, address: str, stored: str | None = None
    ) -> tuple[str, Session]:
        """A new secret for the cookie, never one that was there before the sign-in; and the session.

        ``stored``: the hash that the password was compared with (:class:`Proof`). Raises :class:`Refused`
        when the user has another password by now, or is gone.
        """
        secret, now = secrets.token_urlsafe(_BYTES), self._clock()
        row = SessionRow(id=secrets.token_hex(8), digest=self._digests.of_session(secret), user_id=user.id)
        row.device, row.address = checks.shown(device), checks.shown(address)
        row.created_at = row.last_used_at = now
        surplus = (
            select(SessionRow.id)
            .where(SessionRow.user_id == user.id)
            .order_by(SessionRow.last_used_at.desc())
            .offset(_MOST - 1)
        )
        async with self._database.writing(shared=False) as database:
            # locked: who changes them waits, and then ends this session like the others
            current = await database.get(UserRow, user.id, with_for_update=True)
            if current is None or current.disabled or stored not in (None, current.password):
                raise checks.refuse(
                    Code.UNAUTHENTICATED, "The password has just been changed: sign in again."
                )
            await database.execute(delete(SessionRow).where(SessionRow.last_used_at < now - self._lifetime))
            await database.execute(delete(SessionRow).where(SessionRow.id.in_(surplus)))
            database.add(row)
        return secret, snapshot.session(row)

    async def find(self, secret: str, address: str) -> tuple[User, Session] | None:
        """Whose session this is, if it is good; its last use is noted at most once a minute."""
        query = (
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .where(SessionRow.digest == self._digests.of_session(secret), UserRow.disabled.is_(False))
            .where(SessionRow.last_used_at >= self._clock() - self._lifetime)
        )
        async with self._database.reading() as database:
            found = (await database.execute(query)).one_or_none()
        if found is None:
            return None
        row, user = found
        return snapshot.user(user), await self._touch(snapshot.session(row), checks.shown(address))

    async def _touch(self, session: Session, address: str) -> Session:
        now = self._clock()
        if now - session.last_used_at < _TOUCHED:
            return session
        used = update(SessionRow).where(SessionRow.id == session.id)
        with suppress(Refused):  # a database that is locked just now throws nobody out
            async with self._database.writing(shared=False) as database:
                await database.execute(used.values(last_used_at=now, address=address))
        return replace(session, last_used_at=now, address=address)

    async def of(self, user_id: str) -> list[Session]:
        """All that are good, the one that was used last first."""
        query = (
            select(SessionRow)
            .where(SessionRow.user_id == user_id)
            .where(SessionRow.last_used_at >= self._clock() - self._lifetime)
            .order_by(SessionRow.last_used_at.desc(), SessionRow.id)
        )
        async with self._database.reading() as database:
            return [snapshot.session(row) for row in await database.scalars(query)]

    async def close(self, actor: Actor, session_id: str) -> None:
        """One of one's own; an admin may end everybody's."""
        async with self._database.writing(shared=False) as database:
            row = await database.get(SessionRow, session_id) if checks.is_id(session_id) else None
            if row is None:
                raise checks.refuse(Code.NOT_FOUND, "There is no such session.")
            await rights.oneself(database, actor, row.user_id)
            name = (await database.get_one(UserRow, row.user_id)).name
            await database.delete(row)
            self._audit.write(database, actor, "session.close", f"user:{name}", session_id)

    async def close_all(self, actor: Actor, user_id: str, but: str | None = None) -> None:
        """All of a user but the one with the id ``but``."""
        async with self._database.writing(shared=False) as database:
            await rights.oneself(database, actor, user_id)
            row = await database.get(UserRow, user_id) if checks.is_id(user_id) else None
            if row is None:
                raise checks.refuse(Code.NOT_FOUND, "There is no such user.")
            ending = delete(SessionRow).where(SessionRow.user_id == user_id)
            await database.execute(ending.where(SessionRow.id != but) if but else ending)
            self._audit.write(database, actor, "session.close_all", f"user:{row.name}")
