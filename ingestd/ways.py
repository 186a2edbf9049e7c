"""What the composition root gives to RTMP and WebRTC: other ways in and out."""

from __future__ import annotations

import contextlib
from pathlib import Path

import structlog
from starlette.routing import Route

from ingestd.accounts.accounts import Accounts
from ingestd.accounts.failures import Failures
from ingestd.accounts.gate import Gate
from ingestd.broadcast.registry import Broadcasts
from ingestd.encoder.encoder import EncoderSettings
from ingestd.ingest.relay import RelaySettings
from ingestd.ingest.rtmp import Rtmp
from ingestd.ingest.websocket import Door
from ingestd.ingest.whip import Whip
from ingestd.monitor.webrtc import WebRtcPeers
from ingestd.settings import Settings
from ingestd.settings.webrtc import bounds
from ingestd.watch.loopback import Loopback
from ingestd.watch.stage import Stages
from ingestd.web.api.context import ApiContext
from ingestd.web.diagnose import Diagnose
from ingestd.web.whep import Whep
from ingestd.webrtc.ice import IceServers
from ingestd.webrtc.webrtc import WebRtc

log = structlog.get_logger("ingestd.app")


def rtmp(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    broadcasts: Broadcasts,
    gate: Gate,
    failures: Failures,
    accounts: Accounts,
    relays: RelaySettings,
    secret: str,
) -> Rtmp:
    """``stack`` ends it."""
    silent, used = settings.ingest.silent_after, accounts.keys.used
    made = Rtmp(broadcasts, gate, failures, relays, secret, silent, used)
    stack.push_async_callback(made.close)
    return made


async def webrtc(stack: contextlib.AsyncExitStack, settings: Settings, data: Path) -> WebRtc:
    """Started, unless it is off; ``stack`` ends it."""
    made = WebRtc(settings, data)
    if made.off:
        log.info("webrtc_off", reason=made.off)
    stack.push_async_callback(made.close)
    await made.start()
    return made


def whip(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    broadcasts: Broadcasts,
    door: Door,
    sfu: WebRtc,
    relays: RelaySettings,
) -> Whip:
    """``stack`` ends it."""
    made = Whip(broadcasts, door, sfu, relays, ice_servers(settings))
    stack.push_async_callback(made.close)
    return made


def whep(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    context: ApiContext,
    sfu: WebRtc,
    publishers: Whip,
    encoder: EncoderSettings,
) -> list[Route]:
    """Of viewers, and of those who check whether they could be some; ``stack`` ends what they are sent."""
    stages = Stages(context.broadcasts, sfu, publishers.room, encoder)
    stack.push_async_callback(stages.close)
    context.monitor.follow(WebRtcPeers(sfu, publishers, stages), context.broadcasts)
    loops = diagnose(stack, settings, context, sfu, publishers, stages)
    return [*Whep(context, stages, ice_servers(settings)).routes(), *loops.routes()]


def diagnose(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    context: ApiContext,
    sfu: WebRtc,
    publishers: Whip,
    stages: Stages,
) -> Diagnose:
    """``stack`` ends what is under way."""
    mine = settings.webrtc
    first, last = bounds(mine.publish_ports)
    loops = Loopback(sfu, stages.lend, lambda: 2 * (len(publishers) + 1) > last - first + 1)
    stack.push_async_callback(loops.close)
    ports = {"publish": mine.publish_ports, "watch": mine.watch_ports}
    return Diagnose(context, loops, ice_servers(settings), sfu.off, ports)


def ice_servers(settings: Settings) -> IceServers:
    peers = settings.webrtc
    return IceServers(peers.stun, peers.turn, peers.turn_secret)
