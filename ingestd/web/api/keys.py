"""``/channels/{channel}/keys``: the secrets by which a channel is published to."""

from __future__ import annotations

from fastapi import APIRouter

from ingestd.accounts.model import StreamKey
from ingestd.errors import Code, Refusal, Refused
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.document import refusals
from ingestd.web.api.guard import At, Manager
from ingestd.web.api.models import FreshKey, KeyList, KeyView, NewKey
from ingestd.web.views import iso

router = APIRouter(prefix="/channels/{channel}/keys", tags=["keys"])

_NO_KEY = Refusal(Code.NOT_FOUND, "This channel has no such key.")


@router.get("", response_model=KeyList, responses=refusals(404))
async def list_keys(at: Manager, context: Context) -> KeyList:
    """The keys, without the keys: those were shown when they were made."""
    found = await context.accounts.keys.list(at.channel.name)
    return KeyList(keys=[KeyView(**_fields(one)) for one in found])


@router.post("", status_code=201, response_model=FreshKey, responses=refusals(404))
async def create_key(body: NewKey, at: Manager, context: Context) -> FreshKey:
    """A new key, shown this once."""
    key, made = await context.accounts.keys.create(at.actor, at.channel.name, body.label)
    return FreshKey(key=key, **_fields(made))


@router.delete("/{key}", status_code=204, responses=refusals(404))
async def revoke_key(key: str, at: Manager, context: Context) -> None:
    """The key is good no longer, and what publishes with it ends within a second."""
    await _own(context, at, key)
    await context.accounts.keys.revoke(at.actor, key)


@router.post("/{key}/regenerate", response_model=FreshKey, responses=refusals(404))
async def regenerate_key(key: str, at: Manager, context: Context) -> FreshKey:
    """Another key in its place, shown this once; what publishes with the old one ends within a second."""
    await _own(context, at, key)
    fresh, made = await context.accounts.keys.regenerate(at.actor, key)
    return FreshKey(key=fresh, **_fields(made))


async def _own(context: ApiContext, at: At, key: str) -> None:
    """Raise unless the key is this channel's: the right to manage one says nothing of another."""
    if key not in [one.id for one in await context.accounts.keys.list(at.channel.name)]:
        raise Refused(_NO_KEY)


def _fields(one: StreamKey) -> dict[str, str | None]:
    return {
        "id": one.id,
        "label": one.label,
        "created_at": iso(one.created_at),
        "last_used_at": None if one.last_used_at is None else iso(one.last_used_at),
        "last_used_from": one.last_used_from,
    }
