"""``/server``: which version runs here, and for how long."""

from __future__ import annotations

import time

from fastapi import APIRouter

from ingestd import __version__
from ingestd.web.api.context import Context
from ingestd.web.api.guard import Admin
from ingestd.web.api.models import Answer

router = APIRouter(tags=["statistics"])


class ServerView(Answer):
    """``uptime``: seconds since the start."""

    version: str
    uptime: float


@router.get("/server", response_model=ServerView)
async def show_server(_admin: Admin, context: Context) -> ServerView:
    """Version and uptime."""
    return ServerView(version=__version__, uptime=round(time.monotonic() - context.started, 3))
