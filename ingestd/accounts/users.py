"""People: who there is, what they may do, and whether a password is theirs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ingestd.accounts import checks, rights, snapshot
from ingestd.accounts.audit import Audit
from ingestd.accounts.database import Database
from ingestd.accounts.directory import deleted_user
from ingestd.accounts.model import Actor, Role, User
from ingestd.accounts.passwords import Passwords
from ingestd.accounts.schema import RevocationRow, SessionRow, UserRow
from ingestd.errors import Code, Refused

_REMEMBERED = 10 * 366 * 86400.0  # seconds


@dataclass(frozen=True, slots=True)
class Proof:
    """Who knew a password, and the hash that it was compared with: it is out of date once that changes."""

    user: User
    stored: str = field(repr=False)


class Users:
    """Every method may raise :class:`Refused`; all but reading is for admins, or of oneself."""

    def __init__(
        self, database: Database, audit: Audit, passwords: Passwords, clock: Callable[[], float] = time.time
    ) -> None:
        self._database, self._audit, self._passwords, self._clock = database, audit, passwords, clock

    async def list(self) -> list[User]:
        """By name."""
        async with self._database.reading() as database:
            rows = await database.scalars(select(UserRow).order_by(UserRow.name))
            return [snapshot.user(row) for row in rows]

    async def get(self, name: str) -> User | None:
        async with self._database.reading() as database:
            row = await _find(database, name)
            return snapshot.user(row) if row else None

    async def create(self, actor: Actor, name: str, password: str, role: Role) -> User:
        checks.slug(name, "A user's name")
        stored = await self._hashed(password)
        async with self._database.writing() as database:
            await rights.admin(database, actor)
            row = await self.add(database, actor, name, stored, role)
        return snapshot.user(row)

    async def add(self, database: AsyncSession, actor: Actor, name: str, stored: str, role: Role) -> UserRow:
        """The same within a transaction, for a password that is hashed already; asks for no right."""
        if await _find(database, name):
            raise checks.refuse(Code.EXISTS, f"There is a user called {name} already.")
        row = UserRow(id=secrets.token_hex(8), name=name, password=stored, role=role.value)
        row.disabled, row.created_at = False, self._clock()
        database.add(row)
        self._audit.write(database, actor, "user.create", f"user:{name}", role.value)
        await database.flush()
        return row

    async def set_password(self, actor: Actor, name: str, password: str) -> None:
        """By oneself or by an admin. Who had another's password set ends all of that user's sessions.

        Of one's own sessions the caller ends the others: it knows which is the current one.
        """
        stored = await self._hashed(password)
        async with self._database.writing(shared=False) as database:
            row = await self._own(database, actor, name)
            row.password = stored
            if actor.user is None or actor.user.id != row.id:
                await _end_sessions(database, row)
            self._audit.write(database, actor, "user.password", f"user:{name}")

    async def set_role(self, actor: Actor, name: str, role: Role) -> None:
        async with self._database.writing() as database:
            row = await self._other(database, actor, name)
            if role is not Role.ADMIN:
                await _keep_an_admin(database, row)
            row.role = role.value
            self._audit.write(database, actor, "user.role", f"user:{name}", role.value)

    async def set_disabled(self, actor: Actor, name: str, disabled: bool) -> None:
        """Shut somebody out, which ends their sessions, or let them in again."""
        async with self._database.writing() as database:
            row = await self._other(database, actor, name)
            if disabled:
                await _keep_an_admin(database, row)
            row.disabled = disabled
            if disabled:  # last: a session that is being opened meanwhile holds on to the user as they were
                await _end_sessions(database, row)
            action = "user.disable" if disabled else "user.enable"
            self._audit.write(database, actor, action, f"user:{name}")

    async def delete(self, actor: Actor, name: str) -> None:
        """With their sessions and rights; their channels stay, owned by nobody but the admins.

        A token of an identity provider that names them is good for nothing, for as long as any could be.
        """
        async with self._database.writing() as database:
            row = await self._other(database, actor, name)
            await _keep_an_admin(database, row)
            await database.delete(row)
            await database.merge(
                RevocationRow(jti=deleted_user(name), expires_at=self._clock() + _REMEMBERED)
            )
            self._audit.write(database, actor, "user.delete", f"user:{name}")

    async def authenticate(self, name: str, password: str) -> User | None:
        """Who this is; None: not proven."""
        proof = await self.prove(name, password)
        return proof.user if proof else None

    async def prove(self, name: str, password: str) -> Proof | None:
        """Who this is. Wrong password, unknown name, disabled user: None, and after the same time."""
        async with self._database.reading() as database:
            row = await _find(database, name)
        right = await self._passwords.verify(row.password if row else None, password)
        if row is None or not right or row.disabled:
            return None
        outdated = self._passwords.outdated(row.password)
        return Proof(snapshot.user(row), await self._renew(row, password) if outdated else row.password)

    async def _renew(self, row: UserRow, password: str) -> str:
        """Hash with today's parameters, unless the password was changed meanwhile; no sign-in fails by it.

        The hash that is stored now, if the password is still the same.
        """
        stored = await self._passwords.hash(password)
        unchanged = (UserRow.id == row.id) & (UserRow.password == row.password)
        with suppress(Refused):
            async with self._database.writing(shared=False) as database:
                renewing = update(UserRow).where(unchanged).values(password=stored)
                renewed = await database.scalar(renewing.returning(UserRow.id))
            if renewed:
                return stored
        return row.password

    async def _hashed(self, password: str) -> str:
        if fault := self._passwords.fault(password):
            raise Refused(fault)
        return await self._passwords.hash(password)

    async def _own(self, database: AsyncSession, actor: Actor, name: str) -> UserRow:
        """Rights first: who has none is not told which users there are."""
        if actor.user is None or actor.user.name != name:
            await rights.admin(database, actor)
        row = await rights.user(database, name)
        await rights.oneself(database, actor, row.id)
        return row

    async def _other(self, database: AsyncSession, actor: Actor, name: str) -> UserRow:
        await rights.admin(database, actor)
        return await rights.user(database, name)


async def _find(database: AsyncSession, name: str) -> UserRow | None:
    if not checks.is_slug(name):
        return None
    return (await database.scalars(select(UserRow).where(UserRow.name == name))).one_or_none()


async def _end_sessions(database: AsyncSession, row: UserRow) -> None:
    await database.execute(delete(SessionRow).where(SessionRow.user_id == row.id))


async def _keep_an_admin(database: AsyncSession, row: UserRow) -> None:
    """Raises when nobody would be left to administer; writers stand in line, so this stays true."""
    enabled = (UserRow.role == Role.ADMIN.value) & UserRow.disabled.is_(False)
    others = select(func.count()).select_from(UserRow).where(enabled & (UserRow.id != row.id))
    if row.role == Role.ADMIN and not row.disabled and not await database.scalar(others):
        raise checks.refuse(Code.CONFLICT, f"{row.name} is the last admin: make somebody else one first.")
