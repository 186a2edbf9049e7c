"""Who watches and what nginx-rtmp says of itself: each where there is something to read it from."""

from __future__ import annotations

from collections.abc import Callable

from ingestd.broadcast.registry import Broadcasts
from ingestd.monitor.nginx_stat import Flow, Stat, flows
from ingestd.monitor.stat_reader import NoAnswer, StatReader
from ingestd.monitor.viewer_log import ViewerLog
from ingestd.monitor.viewers import Traffic


class Monitor:
    """``log`` None: viewers are not counted; ``stat`` None: nobody is asked."""

    def __init__(self, log: ViewerLog | None = None) -> None:
        self.log = log
        self.stat: StatReader | None = None
        self.channel_of: Callable[[str], str] = lambda _broadcast: ""
        """The channel of a broadcast; "" for one that nobody knows."""

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

    async def close(self) -> None:
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
