"""The plain protocol: every binary message is the next bytes of one recording. Pure.

Fed with messages and the time, it returns what is to be done: begin a recording, append a
fragment, or refuse. It owns the container splitter of the connection, and it knows what is
overdue. The resumable protocol gets a session class of its own beside this one; the adapter
(:mod:`ingestd.ingest.websocket`) and all that lies behind it stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ingestd.container.model import Fragment, InitSegment, Malformed, NextRecording, TrackKind
from ingestd.container.splitter import Splitter
from ingestd.errors import Code, Refusal

VIDEO_CODECS = frozenset({"vp8", "vp9", "av1", "h264"})
AUDIO_CODECS = frozenset({"opus", "vorbis", "aac", "mp3", "pcm"})

# With this code a client says that its recording is complete. Any other close, and none at all,
# leaves the broadcast interrupted: a page that is reloaded also closes with 1000 or 1001.
STOP_CODE = 4000

_RECORDINGS = 8  # that may start within one message; each costs a copy of what follows it

_LARGEST_JUMP = 60  # seconds

_FORMATS = "WebM, Matroska or fragmented MP4 with VP8, VP9, AV1 or H.264, and Opus, Vorbis, AAC, MP3 or PCM"


@dataclass(frozen=True, slots=True)
class Patience:
    """Bytes in one message; seconds without a byte, or without media, until a client is dropped."""

    max_message: int
    idle: float


Step = InitSegment | Fragment | Refusal


class PlainSession:
    """One connection of the plain protocol. Times are any clock's seconds, given by the caller."""

    def __init__(self, patience: Patience, now: float, splitter: Callable[[], Splitter] = Splitter) -> None:
        self._patience = patience
        self._new_splitter = splitter
        self._splitter = splitter()
        self._heard = now  # when the last byte came
        self._media = now  # when the last fragment came
        self._bytes = 0
        self._time: float | None = None  # the newest time stamp, s

    def binary(self, data: bytes, now: float) -> list[Step]:
        """The next bytes. Empty messages are passed over: MediaRecorder gives empty blobs."""
        if len(data) > self._patience.max_message:
            return [too_large(self._patience.max_message)]
        if not data:
            return []
        self._heard = now
        self._bytes += len(data)
        return self._split(data, now)

    def _split(self, data: bytes | memoryview, now: float) -> list[Step]:
        steps: list[Step] = []
        rest: bytes | memoryview | None = data
        recordings = 0
        while rest is not None:
            events, rest = self._splitter.feed(rest), None
            for event in events:
                match event:
                    case Fragment():
                        self._media = now
                        steps.append(self._jump(event) or event)
                    case InitSegment():
                        steps.append(unsupported(event) or event)
                    case Malformed():
                        steps.append(Refusal(Code.UNSUPPORTED, event.message))
                    case NextRecording():
                        self._splitter, rest = self._new_splitter(), event.rest
                        self._time = None
                        recordings += 1
            if recordings > _RECORDINGS:
                return [*steps, Refusal(Code.MALFORMED, "The recorder is restarted too often.")]
        return steps

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

    def finish(self) -> list[Step]:
        """The connection is over: what is whole and was held back."""
        held = (event for event in self._splitter.finish() if isinstance(event, Fragment))
        return [fragment for fragment in held if not self._jump(fragment)]

    def text(self) -> Refusal:
        """A text message, which this protocol does not have."""
        return Refusal(Code.MALFORMED, "A text message came where bytes of a recording are due.")

    def resumed(self, now: float) -> None:
        """The server had stopped reading for a while: that silence was not the client's."""
        self._heard = self._media = now

    def overdue(self, now: float) -> Refusal | None:
        """Whether the client has been silent, or without media, for too long."""
        idle = self._patience.idle
        if now - self._heard >= idle:
            return Refusal(Code.TIMEOUT, f"Nothing was received for {idle:g} s.")
        if now - self._media >= idle:
            words = f"{self._bytes} bytes came, but no media for {idle:g} s: no Cluster, no fragment."
            return Refusal(Code.TIMEOUT, words)
        return None


def unsupported(init: InitSegment) -> Refusal | None:
    """Why a recording cannot be encoded, judged by its init segment."""
    for track in init.tracks:
        taken = VIDEO_CODECS if track.kind is TrackKind.VIDEO else AUDIO_CODECS
        if track in (init.video, init.audio) and track.codec not in taken:
            return Refusal(
                Code.UNSUPPORTED, f"The {track.kind} codec {track.codec} is not taken. Send {_FORMATS}."
            )
    return None


def too_large(limit: int) -> Refusal:
    return Refusal(Code.TOO_LARGE, f"A message is larger than {limit // 2**20} MiB. Send smaller pieces.")
