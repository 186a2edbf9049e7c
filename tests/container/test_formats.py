"""What is no recording is called by its name."""

from __future__ import annotations

import pytest

from ingestd.container.splitter import Splitter
from tests.container.samples import box, cluster, full, pieces, read, sb, see


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (b"\xff\xd8\xff\xe0", "These bytes are a JPEG image, not a recording. Send WebM, Matroska or"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"GIF89a", "a GIF image"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"OggS\0", "an Ogg stream"),
        (b"FLV\x01", "an FLV stream"),
        (b"G@\x11\x10", "an MPEG transport stream"),
        (b"\0\0\0\x01\x67", "a raw H.264 or H.265 stream"),
        (b"RIFF\0\0\0\0WAVE", "a WAV file"),
        (b"RIFF\0\0\0\0AVI ", "an AVI file"),
        (b"RIFF\0\0\0\0CDXA", "a RIFF file"),
        (b'{"type":"start"}', "plain text"),
        (b"Hello, world!\r\n", "plain text"),
        (bytes(12), "no recording of a kind that we know: they start with 00 00 00 00 00 00 00 00."),
        (cluster(0, sb(1, 0)), "from the middle of a recording"),
        (sb(1, 0), "from the middle of a recording"),
        (box(b"styp", bytes(8)), "from the middle of a recording"),
        (box(b"moof", full(b"mfhd", 0, 1)), "from the middle of a recording"),
    ],
)
def test_named(start: bytes, says: str) -> None:
    stream = start + b"\x01\xfe" * 6
    seen = see([stream])
    assert seen.malformed and says in seen.malformed.message and seen.malformed.offset == 0
    assert see(pieces(stream)).malformed == seen.malformed


@pytest.mark.parametrize("data", [b"", b"\x1a\x45", b"\xff\xd8\xff", b"hi"])
def test_too_little_to_tell_is_no_fault(data: bytes) -> None:
    seen = see([data])
    assert seen.malformed is None and seen.init is None


def test_all_kinds_of_bytes() -> None:
    data = read("vp8_restart-part1.webm")
    whole = see([data])
    mutable = bytearray(data)
    halves = [memoryview(data)[:1000], memoryview(mutable)[1000:]]
    assert see(halves).units == whole.units
    wide = memoryview(data[: len(data) // 4 * 4]).cast("I")
    assert see([wide]).stream()[:1000] == data[:1000]
    backwards = memoryview(data)[::-1]
    assert see([bytes(backwards)[::-1]]).units == whole.units
    assert Splitter().feed(backwards) == see_first(bytes(backwards))


def see_first(data: bytes) -> list[object]:
    return [*Splitter().feed(data)]
