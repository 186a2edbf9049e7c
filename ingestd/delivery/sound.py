"""The sound of a generation whose renditions of pictures have none: cut where the pictures are cut.

nginx-rtmp cuts sound alone at the first packet after so many seconds, and a packet of AAC lasts 21.3 ms:
by itself it would drift away from the pictures, whose keyframes are forced on whole seconds. So it closes
small pieces, and here they are put together anew: the packets that begin within a segment of pictures make
one of sound, of the same number. A packet is never cut, so sound reaches up to one packet further than the
pictures, and the next generation begins with the sample that follows: nothing is lost, nothing is doubled.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from ingestd.delivery import transport_stream
from ingestd.delivery.private import BASE, Output, Spoiled
from ingestd.encoder.argv import LEAD, SAMPLE_RATE
from ingestd.encoder.ladder import Rendition

FRAME = 1024 / SAMPLE_RATE  # seconds of a packet
_OFF = 0.01  # seconds by which a packet may seem to be early or late; time stamps are whole milliseconds
_MORE = 1.5  # frames of pictures by which a segment may last longer than nginx-rtmp says
_SHORT = 0.3  # seconds by which the last sound of a recording may end before its last picture
_ROUNDED = 1e-6  # seconds


@dataclass(slots=True)
class Sound:
    """The rendition of sound of one generation, beside ``lead``, the best one of its pictures.

    ``origin`` is the media time (s) of the epoch at which it began. A rendition without a bitrate is
    silence, which is made here.
    """

    rendition: Rendition
    directory: Path
    origin: float
    lead: Output
    count: int = 0  # packets listed
    number: int = 0  # of the next segment
    closed_at: float = 0.0  # when the last piece was closed; silence never is
    fault: str = ""  # why nothing more of it can be listed
    _pieces: Output = field(init=False)
    _packets: deque[bytes] = field(default_factory=deque)  # not yet listed
    _read: int = -1  # packets read; the encoder's first one is only its run-up, and is left out
    _counter: int = -1  # continuity counter of what was listed last
    _cut: tuple[int, int] = (0, -1)  # packets of the segment that was written last, and its counter
    _final: bool = False

    def __post_init__(self) -> None:
        self._pieces = Output(self.rendition, self.directory, self.origin, 0.0)

    @property
    def commit(self) -> float:
        """Media time of the epoch up to which sound stands in the playlist."""
        return self.origin + self.count * FRAME

    @property
    def waiting(self) -> bool:
        """Whether there is any that is not yet listed, or pictures that want some."""
        return bool(self._packets) or bool(self.lead.waiting)

    @property
    def settled(self) -> bool:
        """Whether nginx-rtmp has no piece under way: those that are read are gone."""
        return self._pieces.settled

    def look(self, now: float) -> None:
        """Read what nginx-rtmp has closed since. Raises OSError."""
        if self.fault:
            return
        self._pieces.look(now)
        while self._pieces.waiting and not self.fault:
            self.closed_at = self._pieces.closed_at
            file = self.directory / self._pieces.waiting[0].file
            try:
                self._take(file.read_bytes())
            except FileNotFoundError:
                self.fault = f"{file.name} is missing"
            file.unlink(missing_ok=True)
            self._pieces.took(0, 0.0)

    def _take(self, data: bytes) -> None:
        """Every packet has its place: FFmpeg leaves none out, and begins at the origin."""
        if not transport_stream.examine(data).whole:
            self.fault = "a part of it was not written"
            return
        for time, packets in transport_stream.sounds(data):
            late = transport_stream.elapsed(self._place(self._read), time)
            if abs(late) > _OFF:
                self.fault = f"it goes on {late:.3f} s too late"
                return
            if self._read >= 0:
                self._packets.append(packets)
            self._read += 1

    def _place(self, number: int) -> float:
        """The time stamp (s) of that packet of the generation."""
        return BASE + LEAD + self.origin - self.lead.origin + number * FRAME

    @property
    def ends(self) -> float | None:
        """Where what has come ends (media time of the epoch, s), if that is long before the pictures do."""
        shown = self.lead.commit + sum(self.lead.duration(number) for number in range(len(self.lead.waiting)))
        reached = self.commit + len(self._packets) * FRAME
        return reached if self.rendition.audio_bitrate and shown - reached > _SHORT else None

    def ready(self, final: bool) -> int:
        """For how many waiting segments of pictures there is all sound.

        When the generation ended well no more comes: what is missing is silence, and what goes on
        after the last picture is a segment of its own where that one is listed already.
        """
        self._final = final
        count = self.lead.ready(final)
        if self.fault:
            return 0
        if final or not self.rendition.audio_bitrate:
            return count or int(final and bool(self._packets))
        reached = self.commit + len(self._packets) * FRAME
        end = self.lead.commit + _MORE * self.lead.frame
        for number in range(count):
            end += self.lead.duration(number)
            if end > reached:
                return number
        return count

    def move(self, target: Path) -> tuple[int, int]:
        """Write the segment that goes with the pictures moved last; its bytes, and no pictures.

        Raises OSError, and may then be called again; and :class:`Spoiled`.
        """
        if self.fault:
            raise Spoiled(self.fault)
        packets, counter = self._segment()
        data = transport_stream.head(video=False, audio=True) + b"".join(packets)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        self._cut = len(packets), counter
        return len(data), 0

    def _segment(self) -> tuple[list[bytes], int]:
        """The packets that begin before the pictures end; and the last one's continuity counter."""
        there = len(self._packets)
        wanted = max(1, math.ceil((self.lead.reach - self.commit - _ROUNDED) / FRAME))
        if self._final and len(self.lead.waiting) <= 1:
            wanted = max(wanted, there) if self.lead.waiting else there
        packets = [self._packets[number] for number in range(min(wanted, there))]
        counter = transport_stream.counter(packets[-1]) if packets else self._counter
        if self._final or not self.rendition.audio_bitrate:
            for number in range(self.count + len(packets), self.count + wanted):
                counter = (counter + 1) % 16
                packets.append(transport_stream.silence(self._place(number), counter))
        return packets, counter

    def lasts(self, _: int) -> float:
        """Seconds of the segment that was written last."""
        return self._cut[0] * FRAME

    def took(self, _: int, __: float) -> None:
        """That one is listed."""
        count, self._counter = self._cut
        for _number in range(min(count, len(self._packets))):
            self._packets.popleft()
        self.count += count
        self.number += 1
