"""Both Janus processes and the ways to talk to them; or why there are none."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from ingestd.settings import Settings
from ingestd.settings.webrtc import bounds, server
from ingestd.webrtc.gateway import Gateway
from ingestd.webrtc.janus import Janus, find, find_libraries
from ingestd.webrtc.janus_config import Role, Terms
from ingestd.webrtc.meter import Meter

_HANG_SECONDS = 5.0  # without an answer, after which a Janus is killed and started again
_WHOM = {Role.IN: "publishers", Role.OUT: "viewers"}


def unavailable(settings: Settings) -> str:
    """Why there is no WebRTC, in a sentence; empty: there is."""
    if not settings.webrtc.enabled:
        return "WebRTC is switched off (webrtc.enabled)."
    if find(settings.webrtc.program) is None:
        return f"WebRTC is off: {settings.webrtc.program} was not found (Debian, Ubuntu: apt install janus)."
    if find_libraries() is None:
        return "WebRTC is off: Janus lacks plugins, of which `ingestd doctor` tells."
    return ""


class WebRtc:
    """Publishers' Janus and viewers', which work below ``directory(data)``.

    ``off``: why there are none, in a sentence, and then there are no gateways; empty: there are.
    ``max_viewers``: at one time; ``meters``: what each knows of its peers.
    """

    def __init__(self, settings: Settings, data: Path, *, hang_timeout: float = _HANG_SECONDS) -> None:
        self.off = unavailable(settings)
        first, last = bounds(settings.webrtc.watch_ports)
        self.max_viewers = min(settings.webrtc.max_viewers, last - first + 1)  # Janus is silent beyond
        self.processes: dict[Role, Janus] = {}
        self.meters: dict[Role, Meter] = {}
        self._gateways: dict[Role, Gateway] = {}
        installed = find_libraries()
        if self.off or installed is None:
            return
        for role in Role:
            one = Janus(
                settings.webrtc.program,
                installed,
                directory(data) / role,
                _terms(settings, role),
                hang_timeout=hang_timeout,
            )
            self.processes[role] = one
            self._gateways[role] = made = Gateway(role, one.socket, one.secret, one.admin_key)
            self.meters[role] = Meter(role, one.admin_socket, one.admin_key, made.numbers)

    @property
    def publishing(self) -> Gateway:
        """To the videoroom that publishers send to; KeyError while WebRTC is off."""
        return self._gateways[Role.IN]

    @property
    def watching(self) -> Gateway:
        """To the mountpoints that viewers get; KeyError while WebRTC is off."""
        return self._gateways[Role.OUT]

    async def start(self) -> None:
        """Returns when both answer, or have failed once: they are started again and again."""
        await asyncio.gather(*(one.start() for one in self.processes.values()))
        for gateway in self._gateways.values():
            gateway.start()
        for meter in self.meters.values():
            meter.start()

    async def close(self) -> None:
        for meter in self.meters.values():
            await meter.close()
        for gateway in self._gateways.values():
            await gateway.close()
        await asyncio.gather(*(one.close() for one in self.processes.values()))

    def trouble(self) -> list[str]:
        """What is wrong with it now, in sentences; empty: nothing, or it is off."""
        return [
            f"WebRTC for {_WHOM[role]} is down. {one.record.trouble()}".rstrip()
            for role, one in self.processes.items()
            if not one.up
        ]


def directory(data: Path) -> Path:
    """Below which every Janus of ours works."""
    return data / "webrtc"


def _terms(settings: Settings, role: Role) -> Terms:
    mine = settings.webrtc
    ports = {Role.IN: mine.publish_ports, Role.OUT: mine.watch_ports}
    return Terms(
        role,
        bounds(ports[role]),
        public_address=mine.public_address,
        interfaces=mine.interfaces,
        stun=server(mine.stun[0]) if mine.stun else None,
        loops=len(os.sched_getaffinity(0)),
    )
