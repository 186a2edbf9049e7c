"""Channels: their settings, and who may publish to them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ingestd.accounts import checks, rights, snapshot
from ingestd.accounts.audit import Audit
from ingestd.accounts.database import Database
from ingestd.accounts.model import Actor, Channel, Upcoming
from ingestd.accounts.schema import ChannelRow, PublisherRow
from ingestd.errors import Code


class Channels:
    """Every method may raise :class:`Refused`; a channel is managed by its owner and by admins."""

    def __init__(self, database: Database, audit: Audit, clock: Callable[[], float] = time.time) -> None:
        self._database, self._audit, self._clock = database, audit, clock
        self._lives: dict[str, float] = {}  # when who was live last, not yet written

    async def create(
        self,
        actor: Actor,
        name: str,
        title: str,
        *,
        description: str = "",
        private: bool = False,
        record: bool = False,
    ) -> Channel:
        """A channel owned by the actor's user; every user may make some."""
        checks.slug(name, "A channel's name")
        row = ChannelRow(id=secrets.token_hex(8), name=name, title=checks.title(title))
        row.description, row.private, row.record = checks.description(description), private, record
        async with self._database.writing() as database:
            person = await rights.doer(database, actor)
            row.owner_id = person.id if person else None
            await self.add(database, actor, row)
        return snapshot.channel(row, ())

    async def add(self, database: AsyncSession, actor: Actor, row: ChannelRow) -> None:
        """The same within a transaction; asks for no right.

        The time is taken in it, since writers stand in line: never before the last channel of that name went.
        """
        row.created_at = self._clock()
        if (await database.scalars(select(ChannelRow.id).where(ChannelRow.name == row.name))).first():
            raise checks.refuse(Code.EXISTS, f"There is a channel called {row.name} already.")
        database.add(row)
        self._audit.write(database, actor, "channel.create", f"channel:{row.name}")
        await database.flush()

    async def update(
        self,
        actor: Actor,
        name: str,
        *,
        title: str | None = None,
        description: str | None = None,
        private: bool | None = None,
        record: bool | None = None,
        owner: str | None = None,
        upcoming: Upcoming | None = None,
        embed_sites: Sequence[str] | None = None,
    ) -> Channel:
        """Change what is given; ``owner`` is the name of a user, to whom an admin may hand it over."""
        wanted = {
            "title": None if title is None else checks.title(title),
            "description": None if description is None else checks.description(description),
            "private": private,
            "record": record,
            "embed_sites": None if embed_sites is None else " ".join(checks.sites(embed_sites)),
            "next_title": None if upcoming is None else checks.next_title(upcoming.title),
        }
        changes = {key: value for key, value in wanted.items() if value is not None}
        async with self._database.writing() as database:
            row = await rights.managed(database, actor, name)
            if owner is not None:
                await rights.admin(database, actor)
                row.owner_id = (await rights.user(database, owner)).id
            for key, value in changes.items():
                setattr(row, key, value)
            if upcoming is not None:
                row.next_at = upcoming.at
            detail = ", ".join([*changes, *([f"owner {owner}"] if owner else [])])
            self._audit.write(database, actor, "channel.update", f"channel:{name}", detail)
            return snapshot.channel(row, await _publishers(database, row))

    async def set_picture(self, actor: Actor, name: str, picture: str) -> Channel:
        """Have it show this one, whose file is there; "": none."""
        async with self._database.writing() as database:
            row = await rights.managed(database, actor, name)
            row.picture = picture
            self._audit.write(database, actor, "channel.update", f"channel:{name}", "picture")
            return snapshot.channel(row, await _publishers(database, row))

    def was_live(self, name: str, at: float) -> None:
        """Until then. Noted in memory and written later: it neither waits nor fails."""
        self._lives[name] = at

    async def write_lives(self) -> None:
        """Write what :meth:`was_live` has noted; kept for the next time if that cannot be."""
        lives = dict(self._lives)
        if not lives:
            return
        async with self._database.writing() as database:
            for name, at in lives.items():
                row = update(ChannelRow).where(ChannelRow.name == name, ChannelRow.created_at <= at)
                await database.execute(row.values(last_live_at=at))
        self._lives = {name: at for name, at in self._lives.items() if lives.get(name) != at}

    async def delete(self, actor: Actor, name: str) -> None:
        """With its keys, targets and rights; tokens for it are worth nothing from then on."""
        async with self._database.writing() as database:
            row = await rights.managed(database, actor, name)
            await database.delete(row)
            self._audit.write(database, actor, "channel.delete", f"channel:{name}")

    async def allow(self, actor: Actor, name: str, user_name: str) -> None:
        """Let a user publish, and make tokens to publish with."""
        async with self._database.writing() as database:
            row = await rights.managed(database, actor, name)
            user = await rights.user(database, user_name)
            await database.merge(PublisherRow(channel_id=row.id, user_id=user.id))
            self._audit.write(database, actor, "channel.allow", f"channel:{name}", user_name)

    async def forbid(self, actor: Actor, name: str, user_name: str) -> None:
        """Take that back; who manages the channel may publish all the same."""
        async with self._database.writing() as database:
            row = await rights.managed(database, actor, name)
            user = await rights.user(database, user_name)
            if right := await database.get(PublisherRow, (row.id, user.id)):
                await database.delete(right)
            self._audit.write(database, actor, "channel.forbid", f"channel:{name}", user_name)


async def _publishers(database: AsyncSession, row: ChannelRow) -> list[str]:
    query = select(PublisherRow.user_id).where(PublisherRow.channel_id == row.id)
    return list(await database.scalars(query))
