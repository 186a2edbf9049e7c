"""Before somebody goes live on a channel: whether there is room, and how fast their upload is."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Request

from ingestd.errors import Code, Refusal, Refused
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.document import refusals
from ingestd.web.api.guard import Sender
from ingestd.web.api.models import Answer
from ingestd.web.api.trials import MOST_BYTES

router = APIRouter(prefix="/channels/{channel}", tags=["publishing"])

_BODY_SECONDS = 20.0
_TOO_LARGE = Refusal(Code.TOO_LARGE, f"A piece may have at most {MOST_BYTES} bytes.")
_TOO_SLOW = Refusal(Code.TIMEOUT, f"The piece did not come within {_BODY_SECONDS:.0f} seconds.")
_LIVE = Refusal(Code.CONFLICT, "The channel is live now: measuring would take away from it.")

_BODY = {
    "requestBody": {
        "required": True,
        "description": f"Anything of up to {MOST_BYTES} bytes. It is thrown away.",
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "maxLength": MOST_BYTES}
            }
        },
    }
}


class Readiness(Answer):
    """``live``: somebody broadcasts on the channel now. ``reasons``: why no broadcast would be taken.
    ``whip``: where one publishes by WebRTC; null: not on this server."""

    ready: bool
    live: bool
    reasons: list[str]
    whip: str | None


class Received(Answer):
    bytes: int


@router.get("/readiness", response_model=Readiness, responses=refusals(404))
async def show_readiness(at: Sender, context: Context) -> Readiness:
    """Whether a broadcast of yours would be taken now."""
    refusal = context.broadcasts.refusal(at.channel.name)
    whip = f"/whip/{at.channel.name}" if context.broadcasts.webrtc else None
    if refusal and refusal.code is Code.CONFLICT:
        return Readiness(ready=False, live=True, reasons=[refusal.message], whip=whip)
    said = [refusal.message] if refusal else []
    reasons = list(dict.fromkeys([*said, *await context.lacking()]))
    return Readiness(ready=not reasons, live=False, reasons=reasons, whip=whip)


@router.put("/upload-test", response_model=Received, responses=refusals(404), openapi_extra=_BODY)
async def measure_upload(request: Request, at: Sender, context: Context) -> Received:
    """Takes a piece and throws it away: you measure how long that takes. Not while the channel is live."""
    name = at.channel.name
    if any(one.channel == name and one.publisher_present for one in context.broadcasts):
        raise Refused(_LIVE)
    with context.trials.piece(name, time.monotonic()):
        return Received(bytes=await _swallow(request, context, name))


async def _swallow(request: Request, context: ApiContext, channel: str) -> int:
    size = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for piece in request.stream():
                size += len(piece)
                context.trials.count(channel, len(piece), time.monotonic())
                if size > MOST_BYTES:
                    raise Refused(_TOO_LARGE)
    except TimeoutError:
        raise Refused(_TOO_SLOW) from None
    return size
