"""``/broadcasts`` and ``/events``: what is on, for those who may watch it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ingestd.broadcast.broadcast import Broadcast
from ingestd.errors import Code, Refusal, Refused
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.document import FOR_ANYBODY, refusals
from ingestd.web.api.guard import Caller, Viewer, identify, watching
from ingestd.web.api.models import BroadcastList, BroadcastView, GenerationList, RecordView
from ingestd.web.feed import Reading
from ingestd.web.views import broadcast_view, record_view

router = APIRouter(tags=["broadcasts"])

_PING_SECONDS = 15.0  # of silence, after which a comment is sent, so that proxies keep the stream open
_PING = b": ping\r\n\r\n"
_BELIEVED_SECONDS = 5.0  # for which an event stream takes its reader for who that was
NO_BROADCAST = Refusal(Code.NO_SUCH_BROADCAST, "There is no such broadcast, or it is long over.")

_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["snapshot", "broadcast"]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "anyOf": [
                    {"$ref": "#/components/schemas/BroadcastList"},
                    {"$ref": "#/components/schemas/BroadcastView"},
                ]
            },
        },
    },
}
"""Of ``/events``, as OpenAPI 3.2 has it: BroadcastList in ``snapshot``, BroadcastView in ``broadcast``."""


class _Events(StreamingResponse):
    media_type = "text/event-stream"


class _EventStream(_Events):
    """A snapshot, then what changes. Counts from its first byte to its last; raises :class:`Refused` before
    the first."""

    def __init__(self, context: ApiContext, reader: _Reader, channel: str | None) -> None:
        super().__init__(self._events(), headers={"X-Accel-Buffering": "no"})  # or nginx keeps it for itself
        self._broadcasts, self._feed = context.broadcasts, context.feed
        self._reader, self._channel = reader, channel
        self._reading = Reading(channel)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._feed.place(self._reader.address), self._feed.reading(self._reading):
            await super().__call__(scope, receive, send)

    async def _events(self) -> AsyncIterator[bytes]:
        wanted = [one for one in self._broadcasts if self._channel in (None, one.channel)]
        yield self._feed.snapshot(await self._reader.seen(wanted))
        while (news := await self._reading.next(_PING_SECONDS)) is not None:
            seen = await self._reader.seen([one.broadcast for one in news])
            if told := b"".join(one.event for one in news if one.broadcast in seen):
                yield told
            elif not news:
                yield _PING


@router.get("/broadcasts", response_model=BroadcastList, openapi_extra=FOR_ANYBODY)
async def list_broadcasts(caller: Viewer, context: Context, ended: bool = False) -> BroadcastList:
    """Open ones, oldest first; with ``ended=true`` those that ended lately, too, newest first."""
    found = [*context.broadcasts, *(context.broadcasts.ended if ended else ())]
    seen = await _visible(context, caller, found)
    return BroadcastList(broadcasts=[BroadcastView(**broadcast_view(one)) for one in seen])


@router.get(
    "/broadcasts/{broadcast}", response_model=RecordView, responses=refusals(404), openapi_extra=FOR_ANYBODY
)
async def show_broadcast(broadcast: str, caller: Viewer, context: Context) -> RecordView:
    """One that is open or ended lately: what it was, its interruptions, and whether all of it was kept."""
    found = context.broadcasts.find(broadcast)
    if found is None or not await _visible(context, caller, [found]):
        raise Refused(NO_BROADCAST)
    return RecordView.model_validate(record_view(found, time.time()))


@router.get(
    "/broadcasts/{broadcast}/generations",
    response_model=GenerationList,
    responses=refusals(404),
    openapi_extra=FOR_ANYBODY,
)
async def show_generations(broadcast: str, caller: Viewer, context: Context) -> GenerationList:
    """Reports of its last encoders, oldest first."""
    found = context.broadcasts.find(broadcast)
    if found is None or not await _visible(context, caller, [found]):
        raise Refused(NO_BROADCAST)
    return GenerationList.model_validate(
        {"broadcast": found.id, "generations": found.supervisor.reports.as_list()}
    )


@router.get(
    "/events",
    response_class=_Events,
    openapi_extra=FOR_ANYBODY,
    responses={200: {"description": "Events.", "content": {"text/event-stream": {"itemSchema": _EVENT}}}},
)
async def events(request: Request, caller: Viewer, context: Context, channel: str | None = None) -> _Events:
    """A snapshot of what is open, then every broadcast that changes, about once a second at most; of
    ``channel`` only, if it is given."""
    return _EventStream(context, _Reader(context, request, caller), channel)


class _Reader:
    """Who reads an event stream: somebody who may have been signed out since it began."""

    def __init__(self, context: ApiContext, request: Request, caller: Caller) -> None:
        self._context = context
        self._request = request
        self._caller = caller
        self._known = time.monotonic()

    @property
    def address(self) -> str:
        return self._caller.address

    async def seen(self, found: list[Broadcast]) -> list[Broadcast]:
        """Those of them that this reader may see now."""
        if self._caller.actor and time.monotonic() - self._known > _BELIEVED_SECONDS:
            await self._look_again()
        return await _visible(self._context, self._caller, found)

    async def _look_again(self) -> None:
        try:
            self._caller = await identify(self._context, self._request)
        except Refused as error:
            if error.refusal.code is Code.UNAVAILABLE:  # nobody can have been signed out meanwhile
                return
            self._caller = Caller(self._caller.address)
        self._known = time.monotonic()


async def _visible(context: ApiContext, caller: Caller, found: Iterable[Broadcast]) -> list[Broadcast]:
    """Those of channels that are public, or that the caller may watch."""
    may: dict[str, bool] = {}
    for one in found:
        if one.channel not in may:
            channel = context.accounts.directory.channels.get(one.channel)
            may[one.channel] = channel is not None and await watching(context, caller, channel) is None
    return [one for one in found if may[one.channel]]
