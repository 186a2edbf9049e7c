"""The FFmpeg that reads a publisher's stream and repacks it: its command line, and its words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingestd.addresses import LOOPBACK
from ingestd.container.model import InitSegment
from ingestd.errors import Code, Refusal

_CLUSTER = 200  # ms; a Cluster is handed on when it is full, and a keyframe always begins another
_PATIENCE = 700_000  # µs for which one track waits for the other, as at the encoder
_REORDER = 300_000  # µs for which a packet that is missing is waited for
_SOCKET = 4 << 20  # bytes of packets that may wait while FFmpeg is held up

_WIDTH = re.compile(r"displayWidth\s*: (\d+)")
_UNKNOWN = re.compile(r"(?:Video|Audio) codec \(\w+\) is not implemented|unknown codec|Unsupported codec")
_LEVEL = re.compile(r"\[(warning|error|fatal|panic)\]")
_REMEMBERED = 50  # different lines


@dataclass(frozen=True, slots=True)
class Track:
    """One medium of an RTP stream: ``kind`` (audio, video), ``encoding`` as in ``a=rtpmap`` (RFC 8866 §6.6),
    the parameters of ``a=fmtp``, and the port on loopback that it comes to; RTCP has the next one."""

    kind: str
    payload: int
    encoding: str
    parameters: str
    port: int


def description(tracks: Sequence[Track]) -> str:
    """The SDP (RFC 8866) by which FFmpeg reads them."""
    lines = ["v=0", f"o=- 0 0 IN IP4 {LOOPBACK}", "s=-", f"c=IN IP4 {LOOPBACK}", "t=0 0"]
    for track in tracks:
        lines += [
            f"m={track.kind} {track.port} RTP/AVP {track.payload}",
            f"a=rtpmap:{track.payload} {track.encoding}",
            *[f"a=fmtp:{track.payload} {track.parameters}"] * bool(track.parameters),
        ]
    return "\r\n".join([*lines, ""])


CODECS = Refusal(
    Code.UNSUPPORTED,
    "By RTMP only H.264 video and AAC sound can be taken: choose H.264 in the encoder's settings,"
    " not HEVC (H.265) or AV1.",
)


def argv(program: str, url: str, analysis: float) -> list[str]:
    """Arguments of a relay by RTMP: the first track of video and of sound, not one bit of them changed.

    ``analysis``: seconds within which both have to begin; what is read meanwhile is kept.
    """
    # Times stay the publisher's: counted from the first sound instead, pictures could fall in the middle
    # between two of the encoder's, and a millisecond would decide which of them they become.
    return _argv(program, ["-copyts", "-rtmp_live", "live", "-i", url], analysis)


def rtp_argv(program: str, description: str, analysis: float) -> list[str]:
    """The same by RTP on this machine's loopback, as the SDP file ``description`` tells.

    What was lost on the way to us and sent again comes late, and is put in order here.
    """
    read = ["-protocol_whitelist", "file,udp,rtp", "-localaddr", LOOPBACK, "-f", "sdp"]
    read += ["-max_delay", str(_REORDER), "-buffer_size", str(_SOCKET), "-i", description]
    return _argv(program, read, analysis)


def _argv(program: str, read: list[str], analysis: float) -> list[str]:
    return [
        *[program, "-hide_banner", "-nostdin", "-loglevel", "level+info", "-nostats"],
        # nothing is guessed: frame rates are the encoder's matter
        *["-fpsprobesize", "0", "-analyzeduration", str(round(analysis * 1e6))],
        *read,
        *["-map", "0:v:0?", "-map", "0:a:0?", "-c", "copy", "-max_interleave_delta", str(_PATIENCE)],
        *["-f", "matroska", "-live", "1", "-cluster_time_limit", str(_CLUSTER), "-flush_packets", "1"],
        "pipe:1",
    ]


class Words:
    """What FFmpeg says of the stream on its stderr, line by line."""

    def __init__(self) -> None:
        self.described = False  # it has said all that it knows of the stream
        self._width = 0  # of the picture that the publisher announces
        self._unknown = False  # a codec that it does not know
        self._said: set[str] = set()

    def line(self, text: str) -> str | None:
        """Take a line; the same again if it is worth a place in the log: trouble, told once."""
        if found := _WIDTH.search(text):
            self._width = int(found[1])
        self.described = self.described or "Stream mapping" in text
        self._unknown = self._unknown or _UNKNOWN.search(text) is not None
        if not _LEVEL.search(text) or text in self._said or len(self._said) >= _REMEMBERED:
            return None
        self._said.add(text)
        return text

    def refusal(self, init: InitSegment | None) -> Refusal | None:
        """Why the stream cannot be taken; ``init`` is what came of it, None: nothing did.

        Of HEVC and AV1 by enhanced RTMP nginx-rtmp passes nothing on. What is left of such a stream
        is its sound, and metadata that announce a picture.
        """
        missing = init is None or init.video is None
        return CODECS if missing and (self._unknown or self._width > 0) else None
