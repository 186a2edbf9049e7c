"""What the API answers from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request

from ingestd.accounts.accounts import Accounts
from ingestd.accounts.failures import Failures
from ingestd.accounts.gate import Gate
from ingestd.broadcast.registry import Broadcasts
from ingestd.delivery.pictures import Pictures
from ingestd.ingest.origin import Origins
from ingestd.monitor.diagnosis import Diagnosis
from ingestd.monitor.monitor import Monitor
from ingestd.monitor.overview import Overview
from ingestd.push.state import PushState
from ingestd.web.api.models import Rtmp
from ingestd.web.api.trials import Trials
from ingestd.web.feed import Feed


def _nothing(_channel: str) -> dict[str, Any] | None:
    return None


def _not_pushed(_target: str) -> PushState | None:
    return None


async def _no_reasons() -> list[str]:
    return []


async def _anywhere(_channel: str, _url: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The collaborators of every endpoint, made in the composition root.

    ``session_lifetime`` and ``token_lifetime`` are seconds; ``tls`` says that we serve HTTPS.
    ``rtmp``: where encoders publish.
    ``source`` tells by a channel's name what its publisher sends (the fields of ``models.Source``),
    ``pushing`` by a target's id how its push goes; None: nothing now. ``target_address`` raises
    :class:`Refused` for an address to which a channel may not be pushed. ``lacking``: why no broadcast at all
    could be taken now.
    """

    accounts: Accounts
    gate: Gate
    broadcasts: Broadcasts
    pictures: Pictures
    diagnosis: Diagnosis
    overview: Overview
    feed: Feed
    failures: Failures
    origins: Origins
    session_lifetime: float
    token_lifetime: float
    tls: bool = False
    rtmp: Rtmp | None = None
    source: Callable[[str], dict[str, Any] | None] = _nothing
    pushing: Callable[[str], PushState | None] = _not_pushed
    target_address: Callable[[str, str], Awaitable[None]] = _anywhere
    lacking: Callable[[], Awaitable[list[str]]] = _no_reasons
    trials: Trials = field(default_factory=Trials)
    monitor: Monitor = field(default_factory=Monitor)
    signing_in: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One password at a time: guesses that come together count one by one, and take one core."""
    storing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One picture at a time."""
    started: float = field(default_factory=time.monotonic)
    """Seconds of the monotonic clock."""


def _context(request: Request) -> ApiContext:
    context: ApiContext = request.app.state.context
    return context


Context = Annotated[ApiContext, Depends(_context)]
