"""Rows of the database as the values that the rest of the project knows, and the directory of them all."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ingestd.accounts.digests import Digests
from ingestd.accounts.directory import Directory
from ingestd.accounts.model import Channel, Role, Session, StreamKey, Target, Upcoming, User
from ingestd.accounts.schema import (
    ChannelRow,
    KeyRow,
    PublisherRow,
    RevocationRow,
    SessionRow,
    StateRow,
    TargetRow,
    UserRow,
)


def user(row: UserRow) -> User:
    return User(row.id, row.name, Role(row.role), row.created_at, row.disabled)


def session(row: SessionRow) -> Session:
    return Session(row.id, row.user_id, row.device, row.address, row.created_at, row.last_used_at)


def key(row: KeyRow, channel: str) -> StreamKey:
    return StreamKey(row.id, channel, row.label, row.created_at, row.last_used_at, row.last_used_from)


def target(row: TargetRow, channel: str) -> Target:
    revision = hashlib.sha256(row.sealed).hexdigest()[:16]  # sealed with chance: no guess can be checked
    return Target(row.id, channel, row.url, row.rendition, row.created_at, row.enabled, revision)


def channel(row: ChannelRow, publishers: Iterable[str]) -> Channel:
    return Channel(
        id=row.id,
        name=row.name,
        title=row.title,
        description=row.description,
        owner=row.owner_id,
        private=row.private,
        record=row.record,
        publishers=tuple(sorted(publishers)),
        created_at=row.created_at,
        picture=row.picture,
        next=Upcoming(row.next_at, row.next_title),
        embed_sites=tuple(row.embed_sites.split()),
        last_live_at=row.last_live_at,
    )


async def version(database: AsyncSession) -> int:
    """Another number than before: something has changed."""
    return (await database.scalars(select(StateRow.version))).one()


async def load(database: AsyncSession, digests: Digests) -> Directory:
    """All of it, read in one transaction, so of one moment."""
    allowed: dict[str, list[str]] = defaultdict(list)
    for row in await database.scalars(select(PublisherRow)):
        allowed[row.channel_id].append(row.user_id)
    channels = {
        row.id: channel(row, allowed[row.id])
        for row in await database.scalars(select(ChannelRow).order_by(ChannelRow.name))
    }
    keys = list(await database.scalars(select(KeyRow)))
    targets = list(await database.scalars(select(TargetRow).order_by(TargetRow.created_at, TargetRow.id)))
    return Directory(
        version=await version(database),
        users={row.id: user(row) for row in await database.scalars(select(UserRow).order_by(UserRow.name))},
        channels={one.name: one for one in channels.values()},
        targets=tuple(target(row, channels[row.channel_id].name) for row in targets),
        keys={row.id: key(row, channels[row.channel_id].name) for row in keys},
        digests={row.digest: row.id for row in keys},
        revocations=frozenset(await database.scalars(select(RevocationRow.jti))),
        sealed={row.id: row.sealed for row in targets},
        digest=digests.of_key,
    )
