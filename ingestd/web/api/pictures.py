"""``/channels/<channel>/picture``: what stands for a channel while it is not live."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from ingestd.accounts.model import Channel
from ingestd.delivery.pictures import MOST_BYTES, TOO_LARGE
from ingestd.errors import Code, Refusal, Refused
from ingestd.web.api.channel_models import ChannelView
from ingestd.web.api.channels import channel_view
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.document import FOR_ANYBODY, refusals
from ingestd.web.api.guard import At, Manager, Slug, Viewer, channel_named, watching
from ingestd.web.views import picture_version

router = APIRouter(prefix="/channels/{channel}/picture", tags=["channels"])

_BODY_SECONDS = 60.0  # for 2 MB from a phone
_KEPT = 86400  # seconds for which a browser does not ask again
_NONE = Refusal(Code.NOT_FOUND, "This channel has no picture.")
_TOO_SLOW = Refusal(Code.TIMEOUT, f"The picture did not come within {_BODY_SECONDS:.0f} seconds.")

_BINARY = {"schema": {"type": "string", "format": "binary", "maxLength": MOST_BYTES}}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "A JPEG, a PNG or a WebP of up to 2 MB. It is made smaller where it is larger than"
        " 1280 by 720, and nothing of it is kept but what can be seen.",
        "content": dict.fromkeys(("image/jpeg", "image/png", "image/webp"), _BINARY),
    }
}


class _Jpeg(Response):
    media_type = "image/jpeg"


@router.head("", include_in_schema=False)  # the server leaves the body out
@router.get(
    "",
    response_class=_Jpeg,
    responses=refusals(404)
    | {200: {"description": "The picture.", "content": {"image/jpeg": {"schema": {"type": "string"}}}}},
    openapi_extra=FOR_ANYBODY,
)
async def show_picture(channel: Slug, caller: Viewer, context: Context, v: str = "") -> Response:
    """The picture, to whoever may watch; with the ``v`` of the channel's view it may be kept for a day."""
    found = channel_named(context, channel)
    if refusal := await watching(context, caller, found):
        raise Refused(refusal)
    picture = context.pictures.of(found)
    if picture is None:
        raise Refused(_NONE)
    try:
        jpeg = picture.path.read_bytes()
    except FileNotFoundError:  # replaced in this very moment
        raise Refused(_NONE) from None
    whose = "private" if found.private else "public"
    age = f"max-age={_KEPT}, immutable" if v == picture_version(found) else "no-cache"
    return _Jpeg(jpeg, headers={"Cache-Control": f"{whose}, {age}"})


@router.put("", response_model=ChannelView, responses=refusals(404), openapi_extra=_BODY)
async def put_picture(request: Request, at: Manager, context: Context) -> ChannelView:
    """Have the channel show this picture."""
    sent = await _body(request)  # only now: who may not, has nothing of theirs kept in memory
    async with context.storing:
        name = await context.pictures.store(at.channel, sent)
        return await _set(context, at, name)


@router.delete("", response_model=ChannelView, responses=refusals(404))
async def delete_picture(at: Manager, context: Context) -> ChannelView:
    """Have it show none."""
    return await _set(context, at, "")


async def _set(context: ApiContext, at: At, name: str) -> ChannelView:
    changed: Channel = await context.accounts.channels.set_picture(at.actor, at.channel.name, name)
    return channel_view(context, at.caller, changed)


async def _body(request: Request) -> bytes:
    """All of it, in time and within bounds; raises :class:`Refused`."""
    body = b""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BYTES:
                    raise Refused(TOO_LARGE)
    except TimeoutError:
        raise Refused(_TOO_SLOW) from None
    return body
