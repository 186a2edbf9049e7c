"""``/broadcasts/<id>/diagnosis``: what went on in a broadcast, for those who manage its channel."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ingestd.broadcast.broadcast import Broadcast
from ingestd.errors import Refused
from ingestd.web.api.broadcasts import NO_BROADCAST
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.document import refusals
from ingestd.web.api.guard import NOT_YOURS, Anyone, Caller, Somebody
from ingestd.web.api.models import Answer, GenerationView, When

router = APIRouter(tags=["broadcasts"])


class Turn(Answer):
    """What happened, the state after it, and that state in plain words."""

    at: When
    event: str
    state: str
    sentence: str


class Visit(Answer):
    """One connection of a publisher; ``address`` is told to admins only.

    ``resumed_at``: the byte of ``epoch`` from which it went on; null: it began anew. ``reason``: why we
    ended it.
    """

    since: When
    until: When | None
    way: str
    address: str | None
    received_bytes: int
    epoch: int
    resumed_at: int | None
    close_code: int | None
    reason: str


class SampleLists(Answer):
    """Of the last ten minutes, a second apart, oldest first; ``seconds_ago`` is the age of the newest.

    Bits a second that came, speed of the encoder (1 is real time), seconds received but not yet in the
    playlist; null: not measured.
    """

    seconds_ago: float | None
    bitrate: list[float | None]
    speed: list[float | None]
    lag: list[float | None]


class DiagnosisView(Answer):
    """``lines``: the last of the log about it, each one JSON."""

    broadcast: str
    channel: str
    state: str
    message: str
    timeline: list[Turn]
    publishers: list[Visit]
    generations: list[GenerationView]
    lines: list[str]
    samples: SampleLists


class _Archive(Response):
    media_type = "application/gzip"


@router.get("/broadcasts/{broadcast}/diagnosis", response_model=DiagnosisView, responses=refusals(404))
async def show_diagnosis(broadcast: str, caller: Anyone, _actor: Somebody, context: Context) -> DiagnosisView:
    """Timeline, connections of publishers, reports of encoders, last lines, and a sample each second."""
    found = _managed(broadcast, caller, context)
    return DiagnosisView.model_validate(context.diagnosis.of(found, admin=caller.admin))


@router.get(
    "/broadcasts/{broadcast}/diagnosis.tar.gz",
    response_class=_Archive,
    responses=refusals(404)
    | {200: {"description": "A .tar.gz.", "content": {"application/gzip": {"schema": {"type": "string"}}}}},
)
async def download_diagnosis(broadcast: str, caller: Anyone, _actor: Somebody, context: Context) -> Response:
    """All of it in one archive, with the log, settings without secrets, and versions of programs."""
    found = _managed(broadcast, caller, context)
    data = await context.diagnosis.archive(found, admin=caller.admin)
    return _Archive(
        data, headers={"Content-Disposition": f'attachment; filename="ingestd-{found.id}.tar.gz"'}
    )


def _managed(broadcast: str, caller: Caller, context: ApiContext) -> Broadcast:
    found = context.broadcasts.find(broadcast)
    if found is None:
        raise Refused(NO_BROADCAST)
    channel = context.accounts.directory.channels.get(found.channel)
    if not (caller.may_manage(context, channel) if channel else caller.admin):
        raise Refused(NOT_YOURS)
    return found
