"""Who watches, what nginx-rtmp says of itself, and peers: each where there is something to read it from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.registry import Broadcasts
from ingestd.monitor.nginx_stat import Flow, Stat, flows
from ingestd.monitor.stat_reader import NoAnswer, StatReader
from ingestd.monitor.viewer_log import ViewerLog
from ingestd.monitor.viewers import Traffic
from ingestd.monitor.webrtc import WebRtcPeers
from ingestd.tasks import Tasks

_TICK = 1.0  # seconds


class Monitor:
    """``log`` None: viewers are not counted; ``stat`` None: nobody is asked."""

    def __init__(self, log: ViewerLog | None = None) -> None:
        self.log = log
        self.stat: StatReader | None = None
        self.webrtc: WebRtcPeers | None = None
        self.channel_of: Callable[[str], str] = lambda _broadcast: ""
        """The channel of a broadcast; "" for one that nobody knows."""
        self._tasks = Tasks("monitor")

    def start(self, broadcasts: Broadcasts, stat: StatReader | None) -> None:
        """``stat`` is ours from here on."""
        self.stat = stat

        def channel_of(identity: str) -> str:
            found = broadcasts.find(identity)
            return found.channel if found else ""

        self.channel_of = channel_of
        if self.log:
            self.log.start(broadcasts)
        if stat:
            stat.start()

    def follow(self, webrtc: WebRtcPeers, broadcasts: Iterable[Broadcast]) -> None:
        """Each of ``broadcasts`` is told of its peers, and peers count as viewers, from now on."""
        self.webrtc = webrtc
        self._tasks.spawn(self._follow(webrtc, broadcasts), "peers", eternal=True)

    async def _follow(self, webrtc: WebRtcPeers, broadcasts: Iterable[Broadcast]) -> None:
        while True:
            watching = webrtc.viewers()
            if self.log:
                self.log.viewers.others = watching
            for one in broadcasts:
                one.connected(webrtc.of(one.channel, len(watching.get(one.channel, ()))))
            await asyncio.sleep(_TICK)

    async def close(self) -> None:
        await self._tasks.close()
        if self.log:
            await self.log.close()
        if self.stat:
            await self.stat.close()

    @property
    def target(self) -> tuple[str, str]:
        """Where nginx has to log requests for HLS, and with which tag; empty: nowhere."""
        return (self.log.address, self.log.tag) if self.log else ("", "")

    def viewers_of(self, channel: str) -> int | None:
        return self.log.viewers.count(channel) if self.log else None

    @property
    def viewers(self) -> int | None:
        """Of all channels."""
        return self.log.viewers.total() if self.log else None

    @property
    def sent(self) -> int | None:
        """Bytes to viewers since the start."""
        if self.log is None:
            return None
        return sum(one.bytes for one in self.traffic().values()) + (self.webrtc.sent if self.webrtc else 0)

    def traffic(self) -> dict[str, Traffic]:
        return self.log.viewers.traffic() if self.log else {}

    def lost(self) -> dict[str, int]:
        """Lines that were not counted, by reason."""
        return self.log.lost if self.log else {}

    @property
    def nginx(self) -> Stat | None:
        return self.stat.newest if self.stat else None

    def flows(self, stat: Stat) -> list[Flow]:
        return flows(stat, self.channel_of)

    async def xml(self) -> bytes:
        """As nginx-rtmp gives it. Raises :class:`NoAnswer`."""
        if self.stat is None:
            raise NoAnswer("nginx-rtmp's statistics are not read here: set nginx.stat_port")
        return await self.stat.xml()
