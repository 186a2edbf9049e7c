"""``/channels``: the public places, who may publish there, and what their publisher sends."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ingestd.accounts.model import Channel, Upcoming
from ingestd.errors import Refused
from ingestd.web.api.channel_models import (
    ChannelChange,
    ChannelList,
    ChannelView,
    NewChannel,
    PublisherList,
    Rights,
    unix,
)
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.document import FOR_ANYBODY, refusals
from ingestd.web.api.guard import Caller, Manager, Publisher, Slug, Somebody, Viewer, channel_named, watching
from ingestd.web.api.models import BroadcastView, Source, SourceAnswer
from ingestd.web.api.users import user_named
from ingestd.web.views import broadcast_view, iso, picture_path

router = APIRouter(prefix="/channels", tags=["channels"])


@router.get("", response_model=ChannelList, openapi_extra=FOR_ANYBODY)
async def list_channels(caller: Viewer, context: Context) -> ChannelList:
    """Public channels, and those private ones where you may publish; by name."""
    found = [
        one
        for one in context.accounts.directory.channels.values()
        if not one.private or caller.may_publish(context, one)
    ]
    found.sort(key=lambda one: one.name)
    return ChannelList(channels=[channel_view(context, caller, one) for one in found])


@router.post("", status_code=201, response_model=ChannelView)
async def create_channel(body: NewChannel, actor: Somebody, context: Context) -> ChannelView:
    """A new channel, which is yours."""
    made = await context.accounts.channels.create(
        actor,
        body.name,
        body.title,
        description=body.description,
        private=body.private,
        record=body.record,
    )
    return channel_view(context, Caller(actor.address, actor), made)


@router.get("/{channel}", response_model=ChannelView, responses=refusals(404), openapi_extra=FOR_ANYBODY)
async def show_channel(channel: Slug, caller: Viewer, context: Context) -> ChannelView:
    """A channel and its newest broadcast. A private one: to who may publish there or has a token."""
    found = channel_named(context, channel)
    if refusal := await watching(context, caller, found):
        raise Refused(refusal)
    return channel_view(context, caller, found)


@router.patch("/{channel}", response_model=ChannelView, responses=refusals(404))
async def change_channel(body: ChannelChange, at: Manager, context: Context) -> ChannelView:
    """Change what is named. The name is not among it: viewers' addresses stay as they are."""
    changes = _changes(body, at.channel)
    if not changes:
        return channel_view(context, at.caller, at.channel)
    changed = await context.accounts.channels.update(at.actor, at.channel.name, **changes)
    return channel_view(context, at.caller, changed)


@router.delete("/{channel}", status_code=204, responses=refusals(404))
async def delete_channel(at: Manager, context: Context) -> None:
    """The channel, its keys, and its push targets."""
    await context.accounts.channels.delete(at.actor, at.channel.name)


@router.get("/{channel}/publishers", response_model=PublisherList, responses=refusals(404))
async def list_publishers(at: Manager, context: Context) -> PublisherList:
    """Who may publish besides the owner and the admins."""
    users = context.accounts.directory.users
    return PublisherList(publishers=sorted(users[one].name for one in at.channel.publishers if one in users))


@router.put("/{channel}/publishers/{user}", status_code=204, responses=refusals(404))
async def allow_publisher(user: Slug, at: Manager, context: Context) -> None:
    """Let a user publish."""
    await user_named(context, user)
    await context.accounts.channels.allow(at.actor, at.channel.name, user)


@router.delete("/{channel}/publishers/{user}", status_code=204, responses=refusals(404))
async def forbid_publisher(user: Slug, at: Manager, context: Context) -> None:
    """Let a user publish no longer; what they publish with a token in their name ends at once."""
    await user_named(context, user)
    await context.accounts.channels.forbid(at.actor, at.channel.name, user)


@router.get("/{channel}/source", response_model=SourceAnswer, responses=refusals(404))
async def show_source(at: Publisher, context: Context) -> SourceAnswer:
    """What the publisher sends now, with advice where it could be better."""
    found = context.source(at.channel.name)
    return SourceAnswer(channel=at.channel.name, source=None if found is None else Source(**found))


def _changes(body: ChannelChange, channel: Channel) -> dict[str, Any]:
    """As :meth:`Channels.update` takes them. Null changes nothing, but for ``next_at``, which it clears."""
    changes = body.model_dump(exclude_none=True, exclude={"next_at", "next_title"})
    if {"next_at", "next_title"} & body.model_fields_set:
        at, title = channel.next.at, channel.next.title
        if "next_at" in body.model_fields_set:
            at = None if body.next_at is None else unix(body.next_at)
        changes["upcoming"] = Upcoming(at, title if body.next_title is None else body.next_title)
    return changes


def channel_view(context: ApiContext, caller: Caller, one: Channel) -> ChannelView:
    """What this caller is told of a channel that they may watch."""
    may = Rights(publish=caller.may_publish(context, one), manage=caller.may_manage(context, one))
    owner = context.accounts.directory.users.get(one.owner) if one.owner and may.publish else None
    newest = context.broadcasts.newest(one.name)
    seen = newest.ended_at if newest and newest.delivery.playable else None
    last = seen or one.last_live_at  # the newest is known before it is written down
    return ChannelView(
        channel=one.name,
        title=one.title,
        description=one.description,
        private=one.private,
        record=one.record,
        owner=owner.name if owner else None,
        may=may,
        rtmp=context.rtmp if may.publish else None,
        viewers=context.monitor.viewers_of(one.name),
        picture=picture_path(one),
        next_at=None if one.next.at is None else iso(one.next.at),
        next_title=one.next.title,
        last_live_at=None if last is None else iso(last),
        embeddable=bool(one.embed_sites),
        embed_sites=list(one.embed_sites) if may.manage else None,
        broadcast=BroadcastView(**broadcast_view(newest)) if newest else None,
    )
