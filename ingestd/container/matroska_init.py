"""The init segment of WebM and Matroska (RFC 9559): EBML header, Segment, Info, Tracks."""

from __future__ import annotations

from ingestd.container import ebml
from ingestd.container.limits import Refused
from ingestd.container.model import InitSegment, Track, TrackKind

EBML = 0x1A45DFA3
SEGMENT = 0x18538067
CLUSTER = 0x1F43B675
INFO = 0x1549A966
TRACKS = 0x1654AE6B
SIMPLE_BLOCK = 0xA3
BLOCK_GROUP = 0xA0

_EBML_READ_VERSION = 0x42F7
_EBML_MAX_ID_LENGTH = 0x42F2
_EBML_MAX_SIZE_LENGTH = 0x42F3
_DOC_TYPE = 0x4282
_TIMESTAMP_SCALE = 0x2AD7B1
_TRACK_ENTRY = 0xAE
_TRACK_NUMBER = 0xD7
_TRACK_TYPE = 0x83
_CODEC_ID = 0x86
_VIDEO, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0xE0, 0xB0, 0xBA
_AUDIO, _SAMPLING_FREQUENCY, _CHANNELS = 0xE1, 0xB5, 0x9F

_KINDS = {1: TrackKind.VIDEO, 2: TrackKind.AUDIO}

_CODECS = {
    "V_VP8": "vp8",
    "V_VP9": "vp9",
    "V_AV1": "av1",
    "V_MPEG4/ISO/AVC": "h264",
    "V_MPEGH/ISO/HEVC": "hevc",
    "A_OPUS": "opus",
    "A_VORBIS": "vorbis",
    "A_AAC": "aac",
    "A_MPEG/L3": "mp3",
}


class MatroskaInit:
    """Collects the init segment, element by element. ``limit`` is in bytes."""

    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self.timestamp_scale = 1_000_000  # nanoseconds a tick; RFC 9559, section 5.1.2.9
        self._limit = limit
        self._tracks: tuple[Track, ...] = ()
        self.in_segment = False

    def element(self, buf: bytes, pos: int) -> int:
        """Take the element at ``pos``. Returns the index one past it (past its header, for the Segment).

        That index lies past the end of ``buf`` where the element is not whole; then nothing was taken.
        """
        found = ebml.header(buf, pos)
        if found is None:
            return len(buf) + 1
        ident, size, body = found
        if ident == SEGMENT and self.data and not self.in_segment:
            return self._segment(buf, pos, body)
        self._check(ident, size, pos)
        end = body + size
        if len(self.data) + end - pos > self._limit:
            raise Refused(f"The init segment is longer than {self._limit:,} bytes.", pos)
        if end <= len(buf):
            self._whole(ident, buf, body, end)
            self.data += buf[pos:end]
        return end

    def segment(self, pos: int) -> InitSegment:
        """The whole of it: the first Cluster stands at ``pos``."""
        if not self._tracks:
            raise Refused(
                "The recording has no video or audio track: no Tracks before its first Cluster.", pos
            )
        return InitSegment(bytes(self.data), "matroska", self._tracks)

    def _segment(self, buf: bytes, pos: int, body: int) -> int:
        # made to have unknown size: elements will be dropped and Cluster headers exchanged, and
        # FFmpeg refuses an element that reaches past a Segment of known size
        self.in_segment = True
        self.data += buf[pos : pos + 4] + ebml.unknown_size(body - pos - 4)
        return body

    def _check(self, ident: int, size: int, pos: int) -> None:
        # that the first element is an EBML header is known: ``formats`` goes by it
        if self.data and ident == EBML:
            raise Refused("A second EBML header stands before the first Cluster.", pos)
        if ident in (SIMPLE_BLOCK, BLOCK_GROUP):
            raise Refused("A block stands outside of any Cluster: a part of the recording is missing.", pos)
        if ident in (SEGMENT, CLUSTER) or size == ebml.UNKNOWN:
            raise Refused(f"Element {ident:X} of the init segment is misplaced or has no size.", pos)

    def _whole(self, ident: int, buf: bytes, body: int, end: int) -> None:
        if ident == EBML:
            _check_header(buf, body, end)
        elif ident == INFO:
            self._info(buf, body, end)
        elif ident == TRACKS and not self._tracks:
            entries = ebml.children(buf, body, end)
            tracks = [_track(buf, at, at + size) for ident, size, at in entries if ident == _TRACK_ENTRY]
            self._tracks = tuple(t for t in tracks if t)

    def _info(self, buf: bytes, body: int, end: int) -> None:
        for ident, size, at in ebml.children(buf, body, end):
            if ident == _TIMESTAMP_SCALE:
                # 0 is not allowed; read as the default it does no harm
                self.timestamp_scale = ebml.unsigned(buf, at, size) or 1_000_000


def _check_header(buf: bytes, body: int, end: int) -> None:
    doc_type = ""
    for ident, size, at in ebml.children(buf, body, end):
        if ident == _DOC_TYPE:
            doc_type = ebml.text(buf, at, size)
        elif ident == _EBML_READ_VERSION and ebml.unsigned(buf, at, size) > 1:
            raise Refused("The recording needs a version of EBML after 1.", at)
        elif ident == _EBML_MAX_ID_LENGTH and ebml.unsigned(buf, at, size) > ebml.MAX_ID_LENGTH:
            raise Refused("The recording has EBML identifiers of more than four bytes.", at)
        elif ident == _EBML_MAX_SIZE_LENGTH and ebml.unsigned(buf, at, size) > ebml.MAX_SIZE_LENGTH:
            raise Refused("The recording has EBML sizes of more than eight bytes.", at)
    if doc_type not in ("webm", "matroska"):
        raise Refused(f"The EBML document type is {doc_type!r}; webm or matroska is expected.", body)


def _track(buf: bytes, pos: int, end: int) -> Track | None:
    fields: dict[int, tuple[int, int]] = {}
    for ident, size, at in ebml.children(buf, pos, end):
        fields[ident] = (at, size)
        if ident in (_VIDEO, _AUDIO):
            fields.update((i, (a, s)) for i, s, a in ebml.children(buf, at, at + size))

    def number(ident: int, default: int = 0) -> int:
        return ebml.unsigned(buf, *fields[ident]) if ident in fields else default

    kind = _KINDS.get(number(_TRACK_TYPE))
    if kind is None:
        return None  # subtitles, buttons, metadata
    codec = _codec(ebml.text(buf, *fields.get(_CODEC_ID, (0, 0))))
    if kind is TrackKind.VIDEO:
        return Track(number(_TRACK_NUMBER), kind, codec, number(_PIXEL_WIDTH), number(_PIXEL_HEIGHT))
    rate = ebml.real(buf, *fields[_SAMPLING_FREQUENCY]) if _SAMPLING_FREQUENCY in fields else 8000.0
    rate = rate if 0 < rate < 1e7 else 0  # NaN and infinity as well
    return Track(number(_TRACK_NUMBER), kind, codec, channels=number(_CHANNELS, 1), sample_rate=int(rate))


def _codec(ident: str) -> str:
    if ident.startswith("A_PCM/"):
        return "pcm"
    if ident.startswith("A_AAC/"):  # the old way to name its profile
        return "aac"
    return _CODECS.get(ident, ident)
