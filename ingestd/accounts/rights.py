"""Whether an actor may do something, asked within the transaction that does it: as things are now."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ingestd.accounts import checks
from ingestd.accounts.model import Actor, Role
from ingestd.accounts.schema import ChannelRow, UserRow
from ingestd.errors import Code, Refusal, Refused

_FORBIDDEN = Refusal(Code.FORBIDDEN, "You are not allowed to do this.")


async def doer(database: AsyncSession, actor: Actor) -> UserRow | None:
    """The actor's user as they are now; None: the command line or the server, which may do everything."""
    if actor.user is None:
        return None
    row = await database.get(UserRow, actor.user.id)
    if row is None or row.disabled:
        raise Refused(_FORBIDDEN)
    return row


async def admin(database: AsyncSession, actor: Actor) -> None:
    """Raises :class:`Refused` unless the actor may do everything."""
    row = await doer(database, actor)
    if row is not None and row.role != Role.ADMIN:
        raise Refused(_FORBIDDEN)


async def oneself(database: AsyncSession, actor: Actor, user_id: str) -> None:
    """Raises :class:`Refused` unless it is the actor's own affair, or the actor an admin."""
    row = await doer(database, actor)
    if row is not None and row.id != user_id and row.role != Role.ADMIN:
        raise Refused(_FORBIDDEN)


async def managed(database: AsyncSession, actor: Actor, name: str) -> ChannelRow:
    """The channel called ``name``, which the actor may manage; raises :class:`Refused`."""
    return await _manageable(database, actor, await channel(database, name))


async def managed_by_id(database: AsyncSession, actor: Actor, channel_id: str) -> ChannelRow:
    """The same, of a key or target that belongs to the channel."""
    return await _manageable(database, actor, await database.get_one(ChannelRow, channel_id))


async def channel(database: AsyncSession, name: str) -> ChannelRow:
    """Raises :class:`Refused` when there is none of that name."""
    found = await database.scalars(select(ChannelRow).where(ChannelRow.name == _known(name)))
    if row := found.one_or_none():
        return row
    raise checks.refuse(Code.NO_SUCH_CHANNEL, "There is no channel of that name.")


async def user(database: AsyncSession, name: str) -> UserRow:
    """Raises :class:`Refused` when there is none of that name."""
    found = await database.scalars(select(UserRow).where(UserRow.name == _known(name)))
    if row := found.one_or_none():
        return row
    raise checks.refuse(Code.NOT_FOUND, "There is no user of that name.")


async def _manageable(database: AsyncSession, actor: Actor, row: ChannelRow) -> ChannelRow:
    person = await doer(database, actor)
    if person is not None and person.role != Role.ADMIN and row.owner_id != person.id:
        raise Refused(_FORBIDDEN)
    return row


def _known(name: str) -> str:
    """A name that nothing can have never reaches the database."""
    return name if checks.is_slug(name) else ""
