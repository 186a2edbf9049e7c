"""One recording as it arrives: split, checked, counted. Pure.

It belongs to the broadcast, not to the connection: a publisher that was cut off goes on where it
stopped, in the middle of an element if need be.
"""

from __future__ import annotations

from ingestd.container.model import Fragment, InitSegment, Malformed, NextRecording, TrackKind
from ingestd.container.splitter import Splitter
from ingestd.errors import Code, Refusal

VIDEO_CODECS = frozenset({"vp8", "vp9", "av1", "h264"})
AUDIO_CODECS = frozenset({"opus", "vorbis", "aac", "mp3", "pcm"})

_FORMATS = "WebM, Matroska or fragmented MP4 with VP8, VP9, AV1 or H.264, and Opus, Vorbis, AAC, MP3 or PCM"

_LARGEST_JUMP = 60  # seconds

Step = InitSegment | Fragment | Refusal


class Recording:
    """The bytes of one epoch as they arrive. It outlives the connection they come by.

    ``received`` is the count of bytes taken from the epoch's first one on: the offset from which a
    resumed publisher sends. ``complete``: :meth:`finish` was called. ``refused``: why nothing more
    is taken.
    """

    def __init__(self, splitter: Splitter | None = None, received: int = 0) -> None:
        self.received = received
        self.complete = False
        self.refused: Refusal | None = None
        self._splitter = splitter or Splitter()
        self._followed = False  # another recording has begun inside
        self._time: float | None = None  # the newest time stamp, s

    @classmethod
    def resume(cls, init: InitSegment, offset: int, prefix: bytes) -> Recording:
        """After a restart of the daemon. The first byte fed is byte ``offset`` of the epoch.

        ``offset`` and ``prefix`` are those of a fragment that starts a unit. The init segment does not
        come a second time.
        """
        return cls(Splitter.resume(init, offset, prefix), offset)

    def feed(self, data: bytes | memoryview) -> tuple[list[Step], memoryview | None]:
        """Take the next bytes. The second value: the first bytes of another recording that starts inside.

        That other one gets all bytes from there on; none of them count as received. After a refusal,
        and once it is complete, nothing is taken.
        """
        if self.complete or self.refused:
            return [], None
        if self._followed:
            return [], memoryview(data)
        self.received += len(data)
        steps: list[Step] = []
        for event in self._splitter.feed(data):
            if isinstance(event, NextRecording):
                self._followed = True
                self.received -= len(event.rest)
                return steps, event.rest
            step = self._checked(event)
            steps.append(step)
            if isinstance(step, Refusal):
                self.refused = step
                break
        return steps, None

    def finish(self) -> list[Step]:
        """No more of it will come: what is whole and was held back, unless its time stamps jump."""
        if self.complete:
            return []
        self.complete = True
        if self.refused:
            return []
        held = (event for event in self._splitter.finish() if isinstance(event, Fragment))
        return [fragment for fragment in held if not self._jump(fragment)]

    def _checked(self, event: InitSegment | Fragment | Malformed) -> Step:
        match event:
            case Fragment():
                return self._jump(event) or event
            case InitSegment():
                return unsupported(event) or event
            case Malformed():
                return Refusal(Code.UNSUPPORTED, event.message)

    def _jump(self, fragment: Fragment) -> Refusal | None:
        """FFmpeg fills a gap with repeated frames: hours of them would never be done."""
        before = fragment.media_time if self._time is None else self._time
        self._time = max(before, fragment.end_time)
        jump = max(fragment.media_time, fragment.end_time) - before
        if jump <= _LARGEST_JUMP:
            return None
        return Refusal(
            Code.UNSUPPORTED,
            f"The recording's time stamps jump by {jump:.0f} s; at most {_LARGEST_JUMP} s are taken.",
        )


def unsupported(init: InitSegment) -> Refusal | None:
    """Why a recording cannot be encoded, judged by its init segment."""
    for track in init.tracks:
        taken = VIDEO_CODECS if track.kind is TrackKind.VIDEO else AUDIO_CODECS
        if track in (init.video, init.audio) and track.codec not in taken:
            return Refusal(
                Code.UNSUPPORTED, f"The {track.kind} codec {track.codec} is not taken. Send {_FORMATS}."
            )
    return None
