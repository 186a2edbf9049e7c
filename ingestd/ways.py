"""What the composition root gives to RTMP and WebRTC: other ways in and out."""

from __future__ import annotations

import contextlib
from pathlib import Path

import structlog

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
from ingestd.watch.stage import Stages
from ingestd.web.api.context import ApiContext
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
) -> Whep:
    """``stack`` ends what viewers are sent."""
    stages = Stages(context.broadcasts, sfu, publishers.room, encoder)
    stack.push_async_callback(stages.close)
    context.monitor.follow(WebRtcPeers(sfu, publishers, stages), context.broadcasts)
    return Whep(context, stages, ice_servers(settings))


def ice_servers(settings: Settings) -> IceServers:
    peers = settings.webrtc
    return IceServers(peers.stun, peers.turn, peers.turn_secret)
