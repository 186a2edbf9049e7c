"""``/overview``: how the whole server did in the last hour, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ingestd.monitor.history import EVERY, SPAN
from ingestd.web.api.context import Context
from ingestd.web.api.guard import Admin
from ingestd.web.api.models import Answer

router = APIRouter(tags=["statistics"])


class Machine(Answer):
    """What there is, and what of it is free; ``cores`` as far as this process may use them. null: it cannot
    be read now."""

    cores: float
    memory_bytes: int | None
    memory_available_bytes: int | None
    disk_bytes: int | None
    disk_free_bytes: int | None


class OverviewView(Answer):
    """Measurements, ``step`` seconds apart, oldest first; ``seconds_ago`` is the age of the newest, and
    ``newest`` its number, which grows by one with each. null: not measured.

    Bandwidth: bits a second from publishers and to viewers. ``cpu``, ``memory`` and ``disk``: the share
    in use (0…1). ``lag``: the most seconds that a broadcast has received and not yet in its playlist.
    ``webrtc_viewers`` and ``webrtc_publishers`` are those of them that are connected by WebRTC, null where
    that is off. ``restarts``: encoders that were replaced since the measurement before. ``broadcasts``: open
    ones, by state.
    """

    newest: int | None
    step: float
    seconds_ago: float | None
    viewers: list[int | None]
    publishers: list[int | None]
    webrtc_viewers: list[int | None]
    webrtc_publishers: list[int | None]
    bandwidth_in: list[float | None]
    bandwidth_out: list[float | None]
    cpu: list[float | None]
    memory: list[float | None]
    disk: list[float | None]
    lag: list[float | None]
    restarts: list[int | None]
    broadcasts: dict[str, list[int | None]]
    machine: Machine


Seconds = Annotated[float, Query(ge=EVERY, le=SPAN, description="how much of the last hour")]


@router.get("/overview", response_model=OverviewView)
async def show_overview(_admin: Admin, context: Context, seconds: Seconds = SPAN) -> OverviewView:
    """Viewers, publishers, broadcasts, traffic and the machine in the last hour."""
    return OverviewView.model_validate(context.overview.view(seconds))
