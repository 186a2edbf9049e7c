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
from tests.bench.table import Row

RECORDINGS = Path(__file__).parent.parent / "recordings"
ROUNDS = 7
ROUND_BYTES = 30_000_000

BLOCK = 6_000
PACKET = 364  # 60 ms of 48 kb/s
MESSAGE = 78_125  # a quarter of a second of 2.5 Mb/s


def blobs(path: Path) -> list[bytes]:
    """The messages in which the browser handed the recording over."""
    data, sizes, pos = path.read_bytes(), json.loads(path.with_name(path.name + ".json").read_text()), 0
    found = []
    for blob in sizes["blobs"]:
        found.append(data[pos : pos + blob["size"]])
        pos += blob["size"]
    return found


def synthetic(seconds: int = 40, sound: int = 40) -> list[bytes]:
    """2.5 Mb/s in blocks of 6 kB: a Cluster each 0.25 s, a keyframe each 2 s, messages cut anywhere.

    With an Opus packet each 60 ms, for ``sound`` seconds: silence is put in after that.
    """
    out, ticks, audio = [blobs(RECORDINGS / "vp8-opus_ts250_kf2000.webm")[0][:189]], 0, 0
    for cluster in range(seconds * 4):
        out.append(cluster_header(ticks))
        for at in range(0, 13 * 19, 19):
            out.append(block(1, at, at == 0 and cluster % 8 == 0, BLOCK))
            if audio <= ticks + at and audio < sound * 1000:
                out.append(block(2, at, True, PACKET))
                audio += 60
        ticks += 250
    data = b"".join(out)
    return [data[pos : pos + MESSAGE] for pos in range(0, len(data), MESSAGE)]


def block(track: int, ticks: int, key: bool, size: int) -> bytes:
    """A SimpleBlock of ``size`` bytes in all."""
    head = (
        b"\xa3" + (0x4000 + size - 3).to_bytes(2, "big") + bytes((0x80 | track,)) + ticks.to_bytes(2, "big")
    )
    return head + (b"\x80" if key else b"\0") + bytes(size - 7)


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


def best(messages: list[bytes], rounds: int = ROUNDS) -> tuple[float, float]:
    """CPU-seconds a byte of the splitter, and of a copy."""
    found = [(seconds_a_byte(split, messages), seconds_a_byte(copy, messages)) for _ in range(rounds)]
    return min(s for s, _ in found), min(c for _, c in found)


def run(quick: bool = False) -> list[Row]:
    """For ``make bench``: what a browser recorded, and the relay's 2.5 Mb/s."""
    sources = {
        "recording of 1 Mb/s": blobs(RECORDINGS / "vp8-opus_ts250_kf2000.webm"),
        "2.5 Mb/s in 6 kB blocks": synthetic(),
    }
    rows = []
    for name, messages in sources.items():
        splitting, copying = best(messages, 2 if quick else ROUNDS)
        baseline = f"a copy of the same: {copying * 1e9:.3f}"
        rows.append(Row(f"splitter, {name}", splitting * 1e9, "CPU-s/GB", baseline, splitting / copying))
    return rows


def measure(name: str, messages: list[bytes]) -> None:
    splitting, copying = best(messages)
    print(
        f"{name:45} {1e-6 / splitting:8.0f} MB/s  {splitting * 1e9:6.3f} CPU-s/GB  "
        f"{splitting / copying:5.1f} x a copy  {split(messages):5d} events of {len(messages)} messages"
    )


def main() -> None:
    for listing in sorted(RECORDINGS.glob("*.json")):
        measure(listing.stem, blobs(listing.with_suffix("")))
    measure("synthetic: 2.5 Mb/s, 6 kB blocks, 78 kB messages", synthetic())
    measure("synthetic, without sound after 2 s", synthetic(sound=2))


if __name__ == "__main__":
    main()
