"""Fuzz the container splitter: ``python -m tests.fuzz.fuzz_splitter 60`` (seconds). Needs atheris.

Seeds are the starts of the recordings. An input's first byte says how it is cut. It must never
raise, never hold more than its limit, and see the same however it is cut.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ingestd.container"]):
    from ingestd.container.model import Fragment, InitSegment, Malformed
    from ingestd.container.splitter import Splitter

RECORDINGS = Path(__file__).parent.parent / "recordings"
LIMIT = 1 << 16
SEED_BYTES = 4096


def walk(data: bytes, size: int) -> tuple[bytes, list[int], Malformed | None]:
    """What came out: the bytes, the units' offsets, and the fault."""
    splitter, out, units = Splitter(max_element=LIMIT, max_init=LIMIT), bytearray(), []
    fault: Malformed | None = None
    pieces = [data[pos : pos + size] for pos in range(0, len(data), size)]
    for piece in [*pieces, None]:
        for event in splitter.finish() if piece is None else splitter.feed(piece):
            if isinstance(event, Fragment):
                out += event.data
                units += [event.offset] if event.starts_unit else []
            elif isinstance(event, InitSegment):
                out += event.data
            elif isinstance(event, Malformed):
                fault = event
        assert splitter.buffered <= LIMIT + size
    return bytes(out), units, fault


def one_input(data: bytes) -> None:
    if data:
        assert walk(data[1:], 1 + data[0] * 4) == walk(data[1:], len(data))


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    corpus = Path(tempfile.mkdtemp(prefix="fuzz-splitter-"))
    try:
        for path in [*RECORDINGS.glob("*.webm"), *RECORDINGS.glob("*.mkv"), *RECORDINGS.glob("*.mp4")]:
            (corpus / path.name).write_bytes(b"\x10" + path.read_bytes()[:SEED_BYTES])
        # atheris ends the process itself, without coming back here
        options = [f"-max_total_time={seconds}", f"-max_len={2 * SEED_BYTES}", "-rss_limit_mb=1024"]
        atheris.Setup([sys.argv[0], *options, str(corpus)], one_input)
        atheris.Fuzz()
    finally:
        shutil.rmtree(corpus, ignore_errors=True)


if __name__ == "__main__":
    main()
