"""How fast the container splitter is: ``python -m tests.bench.bench_splitter``.

CPU time of one core, the best of several rounds. The ratio is to a plain copy of the same messages
in the same round, which moves with the machine as the splitter does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from ingestd.container.matroska import cluster_header
from ingestd.container.splitter import Splitter

RECORDINGS = Path(__file__).parent.parent / "recordings"
ROUNDS = 7
ROUND_BYTES = 30_000_000

BLOCK = 6_000
MESSAGE = 78_125  # a quarter of a second of 2.5 Mb/s


def blobs(path: Path) -> list[bytes]:
    """The messages in which the browser handed the recording over."""
    data, sizes, pos = path.read_bytes(), json.loads(path.with_name(path.name + ".json").read_text()), 0
    found = []
    for blob in sizes["blobs"]:
        found.append(data[pos : pos + blob["size"]])
        pos += blob["size"]
    return found


def synthetic(seconds: int = 40) -> list[bytes]:
    """2.5 Mb/s in blocks of 6 kB: a Cluster each 0.25 s, a keyframe each 2 s, messages cut anywhere."""
    init = blobs(RECORDINGS / "vp8-opus_ts250_kf2000.webm")[0][:189]
    body = BLOCK - 3
    out, ticks = [init], 0
    for cluster in range(seconds * 4):
        out.append(cluster_header(ticks))
        for block in range(13):
            flags = 0x80 if block == 0 and cluster % 8 == 0 else 0
            head = (0x4000 + body).to_bytes(2, "big") + b"\x81" + (block * 19).to_bytes(2, "big")
            out.append(b"\xa3" + head + bytes((flags,)) + bytes(body - 4))
        ticks += 250
    data = b"".join(out)
    return [data[pos : pos + MESSAGE] for pos in range(0, len(data), MESSAGE)]


def split(messages: list[bytes]) -> int:
    splitter, events = Splitter(), 0
    for message in messages:
        events += len(splitter.feed(message))
    return events + len(splitter.finish())


def copy(messages: list[bytes]) -> int:
    return sum(len(bytearray(message)) for message in messages)


def seconds_a_byte(work: Callable[[list[bytes]], int], messages: list[bytes]) -> float:
    size = sum(map(len, messages))
    times = max(1, ROUND_BYTES // size)
    start = time.process_time()
    for _ in range(times):
        work(messages)
    return (time.process_time() - start) / times / size


def measure(name: str, messages: list[bytes]) -> None:
    rounds = [(seconds_a_byte(split, messages), seconds_a_byte(copy, messages)) for _ in range(ROUNDS)]
    splitting, copying = min(s for s, _ in rounds), min(c for _, c in rounds)
    print(
        f"{name:45} {1e-6 / splitting:8.0f} MB/s  {splitting * 1e9:6.3f} CPU-s/GB  "
        f"{splitting / copying:5.1f} x a copy  {split(messages):5d} events of {len(messages)} messages"
    )


def main() -> None:
    for listing in sorted(RECORDINGS.glob("*.json")):
        measure(listing.stem, blobs(listing.with_suffix("")))
    measure("synthetic: 2.5 Mb/s, 6 kB blocks, 78 kB messages", synthetic())


if __name__ == "__main__":
    main()
