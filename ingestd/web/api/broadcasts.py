"""``/broadcasts`` and ``/events``: what is on, for those who may watch it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse, JSONServerSentEvent, ServerSentEvent
from starlette.types import Receive, Scope, Send

from ingestd.accounts.failures import by_address
from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.registry import Broadcasts
from ingestd.errors import Code, Refusal, Refused
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.document import FOR_ANYBODY, refusals
from ingestd.web.api.guard import Caller, Viewer, identify, watching
from ingestd.web.api.models import BroadcastList, BroadcastView, GenerationList
from ingestd.web.views import broadcast_view

router = APIRouter(tags=["broadcasts"])

_PING_SECONDS = 15  # a comment on the event stream, so that proxies keep it open
_STREAMS = 100  # open at a time for one address: a school behind one is still served
_BELIEVED_SECONDS = 5.0  # for which an event stream takes its reader for who that was
_NO_BROADCAST = Refusal(Code.NO_SUCH_BROADCAST, "There is no such broadcast, or it is long over.")
_TOO_MANY_STREAMS = Refusal(
    Code.TOO_MANY, f"Your address has {_STREAMS} event streams open: close some.", retry_after=10
)


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


class _EventStream(EventSourceResponse):
    media_type = "text/event-stream"


class _CountedStream(_EventStream):
    """Counts from its first byte to its last; raises :class:`Refused` before the first."""

    def __init__(self, events: AsyncIterator[ServerSentEvent], opened: Counter[str], address: str) -> None:
        super().__init__(events, ping=_PING_SECONDS)
        self._opened, self._place = opened, by_address(address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._opened[self._place] >= _STREAMS:
            raise Refused(_TOO_MANY_STREAMS)
        self._opened[self._place] += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._opened -= Counter({self._place: 1})  # which forgets who has none


@router.get("/broadcasts", response_model=BroadcastList, openapi_extra=FOR_ANYBODY)
async def list_broadcasts(caller: Viewer, context: Context, ended: bool = False) -> BroadcastList:
    """Open ones, oldest first; with ``ended=true`` those that ended lately, too, newest first."""
    found = [*context.broadcasts, *(context.broadcasts.ended if ended else ())]
    seen = await _visible(context, caller, found)
    return BroadcastList(broadcasts=[BroadcastView(**broadcast_view(one)) for one in seen])


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
        raise Refused(_NO_BROADCAST)
    return GenerationList.model_validate(
        {"broadcast": found.id, "generations": found.supervisor.reports.as_list()}
    )


@router.get(
    "/events",
    response_class=_EventStream,
    openapi_extra=FOR_ANYBODY,
    responses={200: {"description": "Events.", "content": {"text/event-stream": {"itemSchema": _EVENT}}}},
)
async def events(
    request: Request, caller: Viewer, context: Context, channel: str | None = None
) -> _EventStream:
    """A snapshot of what is open, then every broadcast that changes; of ``channel`` only, if it is given."""
    reader = _Reader(context, request, caller)
    return _CountedStream(_stream(context.broadcasts, reader, channel), context.streams, caller.address)


async def _stream(
    broadcasts: Broadcasts, reader: _Reader, channel: str | None
) -> AsyncIterator[ServerSentEvent]:
    async def views(found: Iterable[Broadcast]) -> list[dict[str, Any]]:
        wanted = [one for one in found if channel in (None, one.channel)]
        return [broadcast_view(one) for one in await reader.seen(wanted)]

    with broadcasts.subscribe() as subscriber:
        yield JSONServerSentEvent({"broadcasts": await views(broadcasts)}, event="snapshot")
        async for changed in subscriber.changes():
            for view in await views(changed):
                yield JSONServerSentEvent(view, event="broadcast")


class _Reader:
    """Who reads an event stream: somebody who may have been signed out since it began."""

    def __init__(self, context: ApiContext, request: Request, caller: Caller) -> None:
        self._context = context
        self._request = request
        self._caller = caller
        self._known = time.monotonic()

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
