"""``/oembed``: how another site's page shows a channel (https://oembed.com)."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.exceptions import HTTPException

from ingestd.accounts.model import SLUG
from ingestd.errors import Refused
from ingestd.web.api.context import Context
from ingestd.web.api.document import FOR_ANYBODY, refusals
from ingestd.web.api.guard import NO_CHANNEL
from ingestd.web.api.models import Answer
from ingestd.web.cards import Card, base_of, card

router = APIRouter(tags=["channels"])

_PAGE = re.compile(rf"/(?:watch|channels|embed)/({SLUG.pattern})/?")
_WIDTH, _HEIGHT = 640, 360  # as long as nobody asks for less
_LEAST = 16
_FRESH = 10  # seconds for which an answer may be kept: as often a live picture is made anew

Pixels = Annotated[int, Query(ge=_LEAST, le=10_000)]


class OEmbed(Answer):
    """``type`` is ``video`` with ``html``, or ``link`` where the channel may not be embedded."""

    type: Literal["video", "link"]
    version: Literal["1.0"] = "1.0"
    title: str
    author_name: str
    author_url: str
    provider_name: str = "ingestd"
    provider_url: str
    cache_age: int = _FRESH
    html: str | None = None
    width: int | None = None
    height: int | None = None
    thumbnail_url: str | None = None
    thumbnail_width: Annotated[int, Field(ge=1)] | None = None
    thumbnail_height: Annotated[int, Field(ge=1)] | None = None


@router.get(
    "/oembed",
    response_model=OEmbed,
    response_model_exclude_none=True,
    responses=refusals(404, 501),
    openapi_extra=FOR_ANYBODY,
)
async def oembed(
    request: Request,
    context: Context,
    url: str,
    format: str = "json",
    maxwidth: Pixels = _WIDTH,
    maxheight: Pixels = _HEIGHT,
) -> OEmbed:
    """What there is to show at an address of ours, of a public channel."""
    if format != "json":
        raise HTTPException(501, "There is JSON only: format=json.")
    found = card(context, base_of(request), _channel(context, request, url))
    if found is None:
        raise Refused(NO_CHANNEL)
    answer = OEmbed(
        type="link",
        title=found.title,
        author_name=found.name,
        author_url=found.page,
        provider_url=found.base,
    )
    if found.image:
        answer.thumbnail_url = found.image.url
        answer.thumbnail_width, answer.thumbnail_height = found.image.width, found.image.height
    return _video(answer, found, maxwidth, maxheight) if found.embeddable else answer


def _video(answer: OEmbed, found: Card, maxwidth: int, maxheight: int) -> OEmbed:
    """As large as fits into both, 16 by 9."""
    width = min(maxwidth, _WIDTH, maxheight * 16 // 9)
    height = min(maxheight, max(1, round(width * 9 / 16)))
    return answer.model_copy(
        update={"type": "video", "html": found.iframe(width, height), "width": width, "height": height}
    )


def _channel(context: Context, request: Request, url: str) -> str:
    """The channel in an address of ours; "": there is none in it."""
    try:
        page = _PAGE.fullmatch(urlsplit(url).path)
    except ValueError:
        page = None
    return page[1] if page and context.origins.ours(request, url) else ""
