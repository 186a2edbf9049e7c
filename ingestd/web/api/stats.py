"""``/stats``: what nginx-rtmp's ``/stat`` says, as JSON, and who watches; ``/stat`` itself as XML."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingestd.errors import Code, Refusal, Refused
from ingestd.monitor.nginx_stat import RtmpClient, RtmpStream, Stat, subject
from ingestd.monitor.stat_reader import NoAnswer
from ingestd.web.api.context import ApiContext, Context
from ingestd.web.api.errors import refused
from ingestd.web.api.guard import NOT_YOURS, SIGN_IN, Admin, identify
from ingestd.web.api.models import Answer

router = APIRouter(tags=["statistics"])

_BITS = 8


class RtmpClientView(Answer):
    """``seconds`` since it connected; frames that were dropped because it was too slow."""

    id: int
    address: str
    seconds: float
    dropped: int
    publishing: bool


class RtmpStreamView(Answer):
    """``application``: ``live`` for publishers, ``renditions`` and ``sound`` for what encoders make of it.

    Bytes, and bits a second. Its name is made up for one connection; what it is of say ``channel`` and
    ``rendition``, null where that is not known.
    """

    application: str
    name: str
    channel: str | None
    rendition: str | None
    seconds: float
    publishing: bool
    bytes_in: int
    bytes_out: int
    bandwidth_in: int
    bandwidth_out: int
    clients: list[RtmpClientView]


class NginxView(Answer):
    """nginx-rtmp: seconds since it began, connections that it has taken, bytes, bits a second."""

    version: str
    uptime: int
    accepted: int
    bytes_in: int
    bytes_out: int
    bandwidth_in: int
    bandwidth_out: int
    streams: list[RtmpStreamView]


class TrafficView(Answer):
    """HLS of one channel: viewers now, bytes and answers by class since the start, bits and answers a
    second, and the share of the answers that were errors (0…1)."""

    channel: str
    viewers: int
    bytes: int
    requests: dict[str, int]
    bandwidth: float
    rate: float
    errors: float


class StatsView(Answer):
    """``nginx`` null: it does not answer, or nobody asks it. ``lost``: lines of nginx's log of requests that
    were not counted, by reason."""

    nginx: NginxView | None
    channels: list[TrafficView]
    lost: dict[str, int]


@router.get("/stats", response_model=StatsView)
async def show_stats(_admin: Admin, context: Context) -> StatsView:
    """nginx-rtmp's statistics, a few seconds old, and HLS by channel. For admins: addresses are in it."""
    monitor = context.monitor
    channels = [
        TrafficView(channel=name, **{**asdict(one), "bandwidth": round(one.bandwidth * _BITS, 1)})
        for name, one in sorted(monitor.traffic().items())
        if name
    ]
    nginx = _nginx(context, monitor.nginx) if monitor.nginx else None
    return StatsView(nginx=nginx, channels=channels, lost=monitor.lost())


async def xml(context: ApiContext, request: Request) -> Response:
    """``GET /stat``: nginx-rtmp's own XML. For admins, by session or token."""
    try:
        caller = await identify(context, request)
        if not caller.admin:
            raise Refused(NOT_YOURS if caller.actor or caller.token else SIGN_IN)
        return Response(await context.monitor.xml(), media_type="text/xml")
    except NoAnswer as error:
        return refused(Refusal(Code.UNAVAILABLE, f"There are no statistics: {error}."))
    except Refused as error:
        return refused(error.refusal)


def _nginx(context: ApiContext, stat: Stat) -> NginxView:
    return NginxView(
        version=stat.nginx_version,
        uptime=stat.uptime,
        accepted=stat.accepted,
        bytes_in=stat.bytes_in,
        bytes_out=stat.bytes_out,
        bandwidth_in=stat.bandwidth_in,
        bandwidth_out=stat.bandwidth_out,
        streams=[_stream(context, one) for one in stat.streams],
    )


def _stream(context: ApiContext, one: RtmpStream) -> RtmpStreamView:
    channel, rendition = subject(one, context.monitor.channel_of)
    return RtmpStreamView(
        application=one.application,
        name=one.name,
        channel=channel or None,
        rendition=rendition or None,
        seconds=one.time / 1000,
        publishing=one.publishing,
        bytes_in=one.bytes_in,
        bytes_out=one.bytes_out,
        bandwidth_in=one.bandwidth_in,
        bandwidth_out=one.bandwidth_out,
        clients=[_client(client) for client in one.clients],
    )


def _client(one: RtmpClient) -> RtmpClientView:
    return RtmpClientView(
        id=one.id,
        address=one.address,
        seconds=one.time / 1000,
        dropped=one.dropped,
        publishing=one.publishing,
    )
