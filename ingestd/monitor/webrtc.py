"""Publishers and viewers by WebRTC: who they are, and how their connections do."""

from __future__ import annotations

from dataclasses import dataclass

from ingestd.broadcast.peers import Link, Peers
from ingestd.ingest.whip import Whip
from ingestd.watch.stage import Stages
from ingestd.webrtc.janus_config import Role
from ingestd.webrtc.webrtc import WebRtc


@dataclass(frozen=True, slots=True)
class WebRtcPeers:
    """``sfu`` says for itself when it is off: then there is nobody."""

    sfu: WebRtc
    publishers: Whip
    stages: Stages

    def viewers(self) -> dict[str, list[bytes]]:
        """By channel: address and User-Agent of each that is connected."""
        return self.stages.watching()

    def of(self, channel: str, viewers: int) -> Peers:
        """Of a channel with so many viewers."""
        room = self.publishers.room(channel)
        if room is None:
            return Peers(viewers)
        known = self.sfu.meters[Role.IN].peers.get(room.number)
        return Peers(viewers, Link(room.state, known.way if known else ""))

    @property
    def sent(self) -> int:
        """Bytes of media to all viewers since the start."""
        return self.sfu.meters[Role.OUT].sums.counts["bytes"] if self.sfu.meters else 0
