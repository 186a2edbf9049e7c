"""What it costs the daemon that no frame is lost.

One broadcast of 2.5 Mb/s in real time by the plain protocol, the same by the resumable one, in
turn, several times: CPU-seconds of the daemon process alone from before the connect until it is
all over, as a share of one core. They are counted in hundredths of a second: of one broadcast of
20 s that is 0.05 %. Three small renditions, so that the machine keeps up, and there
are as many playlists as in life.

A plain broadcast has its replay buffer and its journal as well, so the difference has only what
acks and status messages cost. What the other two cost is measured on their own: the same calls
with the same media, in this process, one transaction for each segment of each rendition and one
for the ack. The sum of both rows is held against the target.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ingestd.broadcast.replay import ReplayBuffer
from ingestd.container.model import Fragment, InitSegment
from ingestd.container.splitter import Splitter
from ingestd.journal.journal import BroadcastRow, EpochRow, Journal, SegmentRow
from ingestd.settings import Settings
from tests.bench.clip import clip, paced
from tests.bench.processes import cpu
from tests.bench.sender import Messages, Sender
from tests.bench.table import Row
from tests.support.publisher import STOP, dial
from tests.support.resumable import Resumable
from tests.support.server import Server, running, wait_for

_SECONDS, _QUICK_SECONDS = 20, 8
_TIMES, _QUICK_TIMES = 5, 2
_TARGET = 2.0  # percent of one core
_SETTLED = 1.0  # seconds after the last child is gone
_LADDER = "[{height=144,bitrate=200},{height=108,bitrate=150},{height=72,bitrate=100}]"
_RENDITIONS = ("144p", "108p", "72p")
_JOURNAL_SECONDS = 300  # of a broadcast that is journaled as fast as it goes
_LAG = 2.0  # seconds between the newest media and the commit point


def run(quick: bool = False) -> list[Row]:
    times = _QUICK_TIMES if quick else _TIMES
    messages = paced(clip(_QUICK_SECONDS if quick else _SECONDS).read_bytes())
    seconds, found = messages[-1][0], []
    with running(
        channels=2 * times,
        encoder_ladder=_LADDER,
        encoder_preset="ultrafast",
        encoder_slow_timeout=3600,
        hls_poster_every=0,
    ) as server:
        channels = [server.on(f"demo{number or ''}") for number in range(2 * times)]
        for _ in range(times):
            pair = plain(channels.pop(), messages), resumable(channels.pop(), messages)
            found.append((100 * pair[0] / seconds, 100 * pair[1] / seconds))
    return _rows(found, 100 * journal(_JOURNAL_SECONDS), 100 * replay(messages) / seconds)


def _rows(found: list[tuple[float, float]], journaled: float, replayed: float) -> list[Row]:
    """All in percent of one core."""
    pure = median(first for first, _ in found)
    more = [round(second - first, 3) for first, second in found]
    alone, both = journaled + replayed, median(more) + journaled + replayed
    spread = f"{min(more):+.2f} to {max(more):+.2f}"
    return [
        Row(
            f"guarantee: acks, resumable less plain (of {len(found)} pairs: {spread} %)",
            median(more),
            "% of a core",
            f"daemon, plain: {pure:.2f}",
            median(more) / pure,
            f"≤ {_TARGET:g} %",
            median(more) <= _TARGET,
        ),
        Row(
            f"guarantee: journal ({journaled:.2f}) and replay buffer ({replayed:.2f}), which plain has too",
            alone,
            "% of a core",
            f"daemon, plain: {pure:.2f}",
            alone / pure,
            f"with acks ≤ {_TARGET:g} % ({both:.2f})",
            both <= _TARGET,
        ),
    ]


def plain(server: Server, messages: Messages) -> float:
    """CPU-seconds of the daemon for one broadcast by the plain protocol."""
    before = cpu(server.process.pid)
    with dial(server) as connection:
        sender = Sender(messages, connection.send)
        sender.start()
        sender.join()
        connection.close(STOP)
    return _over(server, sender) - before


def resumable(server: Server, messages: Messages) -> float:
    """The same by the resumable one; whatever the server says is heard."""
    before = cpu(server.process.pid)
    client = Resumable.start(server)
    sender = Sender(messages, client.connection.send)
    sender.start()
    while sender.is_alive():
        client.hear()
    client.finish()
    return _over(server, sender) - before


def _over(server: Server, sender: Sender) -> float:
    """CPU-seconds of the daemon when it is all over; it is not asked before: that would cost."""
    assert sender.error is None, sender.error
    wait_for("the encoder's end", lambda: not server.children("ffmpeg"))
    time.sleep(_SETTLED)
    spent = cpu(server.process.pid)
    ended = server.wait_state("ended")
    assert ended["encoder"]["restarts"] == 0, ended
    return spent


def journal(seconds: int) -> float:
    """CPU-seconds of the journal for a second of a broadcast with segments of one second."""
    window = int(Settings().hls.window)
    with TemporaryDirectory(prefix="ingestd-bench-") as directory:
        book = Journal.create(Path(directory), BroadcastRow("bench", "demo", "Bench", time.time(), True))
        began = time.process_time()
        for second in range(seconds):
            for name in _RENDITIONS:
                first = {name: max(0, second - window)}
                book.listed([_segment(name, second)], first, (), _epoch(second))
            book.epoch(_epoch(second))
        spent = time.process_time() - began
        book.remove()
    return spent / seconds


def _segment(name: str, number: int) -> SegmentRow:
    return SegmentRow(name, number, 0, f"{name}/0-{number}.ts", 1.0, 1.8e9 + number, False, 300_000)


def _epoch(second: int) -> EpochRow:
    commits = dict.fromkeys(_RENDITIONS, float(second))
    return EpochRow(0, bytes(240), 1.8e9, 0.0, second * 312_500, bytes(12), commits)


def replay(messages: Messages) -> float:
    """CPU-seconds of the replay buffer for a whole recording that was split before."""
    splitter = Splitter()
    events = [event for _, data in messages for event in splitter.feed(data)]
    fragments = [event for event in events if isinstance(event, Fragment)]
    assert fragments and any(isinstance(event, InitSegment) for event in events)
    buffer, due = ReplayBuffer(Settings().ingest.replay_buffer << 20), 1.0
    began = time.process_time()
    for fragment in fragments:
        buffer.append(fragment)
        buffer.make_room(buffer.end)
        if fragment.end_time >= due + _LAG:
            buffer.commit(due)
            due += 1.0
    return time.process_time() - began
