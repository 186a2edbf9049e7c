"""A publisher of the resumable protocol is cut off, comes back, and goes on where it is told to.

Every clip has its frames numbered, so that a byte lost or doubled shows in the final playlist.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from signal import SIGKILL
from subprocess import Popen
from threading import Thread
from typing import Any

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from tests.chaos.clip import Clip, clip
from tests.chaos.stage import Stage
from tests.support.media import media_playlists
from tests.support.resumable import Resumable, refused
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.system.numbered import (
    NUMBERED,
    SECONDS,
    WINDOW,
    check_whole,
    received,
    recording,
    wait_received,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # who does nothing while others try is not dropped for it
    with running(
        channels=16, ingest_resume_window=WINDOW, ingest_idle_timeout=2 * PATIENCE, **NUMBERED
    ) as made:
        yield made


@pytest.fixture
def source() -> Clip:
    return recording()


def test_a_publisher_that_comes_back_goes_on_from_the_byte_that_it_is_told(
    server: Server, source: Clip
) -> None:
    channel, data = server.on("demo"), source.path.read_bytes()
    half = len(data) // 2
    first = Resumable.start(channel)
    assert (first.epoch, first.offset) == (0, 0)
    first.send(data[:half])
    wait_received(channel, half)
    first.vanish()
    channel.wait_state("interrupted")
    again = Resumable.resume(channel, first.broadcast)
    assert (again.broadcast, again.epoch, again.offset) == (first.broadcast, 0, half)
    again.send(data[half:])
    ended = again.finish()
    assert ended["media_time"] == pytest.approx(SECONDS, abs=0.1)
    assert again.acks[-1] == (0, len(data))
    assert again.acks == sorted(again.acks)
    check_whole(channel, first.broadcast, 0, source.frames)


def test_a_publisher_that_was_never_told_to_be_ready_goes_on_from_the_start(
    server: Server, source: Clip
) -> None:
    channel, data = server.on("demo1"), source.path.read_bytes()
    first = Resumable.start(channel)
    first.vanish()
    again = Resumable.resume(channel, first.broadcast, offset=0)
    assert (again.epoch, again.offset) == (0, 0)
    again.send(data)
    again.finish()
    check_whole(channel, first.broadcast, 0, source.frames)


def test_a_resume_may_begin_with_an_epoch_that_the_server_has_already(server: Server) -> None:
    """What it is told then is later: that is where to go on, and says nothing of what is safe."""
    channel = server.on("demo2")
    camera, screen = clip("vp8", 256, 144, 2), clip("h264", 384, 216, 2, first=60)
    first = Resumable.start(channel)
    first.send(camera.path.read_bytes())
    first.say("epoch", epoch=1, mime="video/x-matroska")
    data = screen.path.read_bytes()
    first.send(data[:5000])
    whole = len(camera.path.read_bytes()) + 5000
    wait_received(channel, whole)
    first.vanish()
    again = Resumable.resume(channel, first.broadcast, epoch=0, offset=0)
    assert (again.epoch, again.offset) == (1, 5000)
    again.send(data[5000:])
    again.finish()
    assert again.acks[-1] == (1, len(data))
    check_whole(channel, first.broadcast, 0, 120)


def test_a_stop_whose_answer_was_lost_is_said_again(server: Server, source: Clip) -> None:
    channel, data = server.on("demo3"), source.path.read_bytes()
    first = Resumable.start(channel)
    first.send(data)
    first.say("stop")
    wait_received(channel, len(data))
    first.vanish()
    last = ask_until_ended(channel, first.broadcast, len(data))
    assert last["type"] == "ended"
    check_whole(channel, first.broadcast, 0, source.frames)
    assert told_of_the_end(channel, first.broadcast)["type"] == "ended"


def ask_until_ended(server: Server, broadcast: str, length: int) -> dict[str, Any]:
    """Resume, say stop again if it is asked for, and wait for the end."""
    client = Resumable(server)
    client.say("resume", broadcast=broadcast, epoch=0, offset=0)
    answer = client.until_any("ready", "ended")
    if answer["type"] == "ready":
        assert answer["offset"] == length
        client.say("stop")
        answer = client.until("ended")
    assert client.wait_closed() == 1000
    return answer


def told_of_the_end(server: Server, broadcast: str) -> dict[str, Any]:
    """What a client is told that resumes a broadcast which is over, all of it delivered."""
    client = Resumable(server)
    client.say("resume", broadcast=broadcast, epoch=0)
    answer = client.until_any("ready", "ended")
    assert client.wait_closed() == 1000
    return answer


def test_a_publisher_that_comes_back_after_the_window_is_told_to_start_afresh(source: Clip) -> None:
    data = source.path.read_bytes()
    with running(ingest_resume_window=1, **NUMBERED) as server:
        first = Resumable.start(server)
        first.send(data)
        wait_received(server, len(data))
        first.vanish()
        server.wait_state("ended")
        assert refused(server, first.broadcast) == (4404, "no_such_broadcast")
        check_whole(server, first.broadcast, 0, source.frames)
        fresh = Resumable.start(server)
        assert fresh.broadcast != first.broadcast
        fresh.send(data)
        fresh.finish()
        check_whole(server, fresh.broadcast, 0, source.frames)


def test_what_lies_outside_of_what_the_server_knows_is_refused_and_harms_nothing(
    server: Server, source: Clip
) -> None:
    channel, other, data = server.on("demo4"), server.on("demo5"), source.path.read_bytes()
    first = Resumable.start(channel)
    first.send(data[:20000])
    wait_received(channel, 20000)
    none = (4404, "no_such_broadcast")
    assert refused(channel, "0123456789abcdef") == none
    assert refused(channel, first.broadcast, epoch=1) == none
    assert refused(channel, first.broadcast, epoch=0, offset=20001) == none
    assert refused(channel, first.broadcast, epoch=10**9, offset=0) == none
    assert refused(other, first.broadcast) == none
    wrong: list[dict[str, object]] = [
        {"broadcast": first.broadcast, "epoch": -1},
        {"broadcast": first.broadcast, "epoch": 0, "offset": -1},
        {"broadcast": first.broadcast, "epoch": 0.5},
        {"broadcast": first.broadcast, "epoch": "0"},
        {"broadcast": first.broadcast},
        {"broadcast": "../../etc/passwd", "epoch": 0},
        {"epoch": 0},
    ]
    for fields in wrong:
        client = Resumable(channel)
        client.say("resume", **fields)
        assert client.wait_closed() == 4400, fields
    first.send(data[20000:])
    first.finish()
    check_whole(channel, first.broadcast, 0, source.frames)


def test_an_epoch_that_is_not_the_next_is_refused_and_the_broadcast_waits(
    server: Server, source: Clip
) -> None:
    channel, data = server.on("demo6"), source.path.read_bytes()
    first = Resumable.start(channel)
    first.send(data[:20000])
    first.say("epoch", epoch=2, mime="video/webm")
    assert first.wait_closed() == 4400
    again = Resumable.resume(channel, first.broadcast)
    assert again.epoch == 0
    again.send(data[again.offset :])
    again.finish()
    check_whole(channel, first.broadcast, 0, source.frames)


# After a restart of the daemon

STAGE: dict[str, object] = {
    "encoder_ladder": NUMBERED["encoder_ladder"],
    "encoder_stall_timeout": PATIENCE,  # an encoder that a test has stopped is not replaced
    "ingest_idle_timeout": 2 * PATIENCE,
}


def test_after_a_restart_the_server_asks_for_no_byte_before_the_newest_ack(source: Clip) -> None:
    with ExitStack() as stack:
        stage = stack.enter_context(Stage(STAGE))
        server = as_server(stage)
        data = source.path.read_bytes()
        first = Resumable.start(server)
        first.send(data, pace=source.bytes_per_second)
        first.until("ack", lambda ack: ack["offset"] > 0)
        stage.restart(SIGKILL)
        first.wait_closed()
        stage.wait_ready()
        acked = first.acks[-1]
        assert refused(server, first.broadcast, offset=len(data))[0] == 4404  # it needs earlier ones
        again = Resumable.resume(server, first.broadcast, offset=acked[1])
        assert acked[1] <= again.offset < len(data)
        again.send(data[again.offset :])
        again.finish()
        check_whole(server, first.broadcast, 0, source.frames)
    assert stage.trouble == []


def test_a_stop_that_a_killed_daemon_had_heard_is_said_again_and_answered(source: Clip) -> None:
    """The journal does not know of it: it is the publisher that still wants to hear of the end."""
    with ExitStack() as stack:
        stage = stack.enter_context(Stage(STAGE))
        server = as_server(stage)
        data = source.path.read_bytes()
        first = Resumable.start(server)
        first.send(data)
        first.until("ack")
        for encoder in stage.children("ffmpeg"):
            encoder.suspend()  # so that the end does not come before the kill
        first.say("stop")
        server.wait_state("ending")
        stage.restart(SIGKILL)
        first.wait_closed()
        stage.wait_ready()
        again = Resumable.resume(server, first.broadcast)
        again.send(data[again.offset :])
        again.finish()
        check_whole(server, first.broadcast, 0, source.frames)
    assert stage.trouble == []


def test_publish_whose_stop_a_killed_daemon_had_heard_still_ends_well() -> None:
    source = clip("vp8", 256, 144, 12)  # it comes in real time, and must not be over before we look
    with ExitStack() as stack:
        stage = stack.enter_context(Stage(STAGE))
        server = as_server(stage)
        command = [sys.executable, "-m", "ingestd", "publish", str(source.path), "--server", server.http]
        secrets = {"INGESTD_STREAM_KEY": server.stream_key, "INGESTD_TOKEN": server.token}
        log = stack.enter_context((stage.root / "publish").open("w+"))
        publisher = stack.enter_context(Popen(command, env=os.environ | secrets, stderr=log))
        stack.callback(publisher.kill)
        server.wait_for("something in the playlist", lambda one: one["media_time"] >= 1)
        for encoder in stage.children("ffmpeg"):
            encoder.suspend()
        broadcast = server.wait_state("ending")["id"]
        stage.restart(SIGKILL)
        assert publisher.wait(2 * PATIENCE) == 0, log.seek(0) or log.read()
        stage.wait_ready()
        check_whole(server, broadcast, 0, source.frames)
    assert stage.trouble == []


def as_server(stage: Stage) -> Server:
    assert stage.process
    channel = stage.channel()
    secrets = stage.secrets(channel)
    return Server(
        stage.process,
        stage.data,
        stage.log,
        f"http://127.0.0.1:{stage.port}",
        stage.hls,
        "",
        channel,
        secrets["INGESTD_STREAM_KEY"],
        secrets["INGESTD_TOKEN"],
    )


# Bounds


def test_many_short_epochs_at_once_wait_at_their_publisher_and_all_of_them_arrive(server: Server) -> None:
    """More than the server holds: it does not read on until there is room, and refuses nothing."""
    channel, count, frames = server.on("demo13"), 14, 30
    parts = [clip("h264", 256, 144, 1, first=frames * number).path.read_bytes() for number in range(count)]
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    client = Resumable.start(channel)
    for number, part in enumerate(parts):
        if number:
            client.say("epoch", epoch=number, mime="video/x-matroska")
        client.send(part)
    client.finish()
    assert client.acks[-1] == (count - 1, len(parts[-1]))
    assert process.memory_info().rss - before < 64 << 20
    check_whole(channel, client.broadcast, 0, frames * count)


def test_memory_stays_bounded_when_nothing_is_ever_acked_and_then_it_is_given_up_in_plain_words(
    tmp_path: Path,
) -> None:
    """The encoder takes everything and delivers nothing; the recording comes as fast as it can."""
    data = clip("h264", 640, 360, 30).path.read_bytes()
    encoder = tmp_path / "encoder"
    encoder.write_text("#!/bin/sh\nexec cat >/dev/null\n")
    encoder.chmod(0o755)
    tmp_path.chmod(0o755)
    bound = 2 << 20  # bytes: the replay buffer, and as much again for what is under way
    settings = NUMBERED | {
        "encoder_ffmpeg": encoder,
        "encoder_stall_timeout": 2,
        "encoder_max_restarts": 1,
        "ingest_replay_buffer": 1,
        "ingest_ahead": 1,
    }
    assert len(data) > 2 * bound
    with running(**settings) as server:
        process = psutil.Process(server.process.pid)
        before = process.memory_info().rss
        client = Resumable.start(server)
        sender = Thread(target=_send_all, args=(client, data), daemon=True)
        sender.start()
        most = _greatest_memory(server, process)
        code = client.wait_closed()
        sender.join(PATIENCE)
        assert client.acks in ([], [(0, 0)])
        assert bound // 4 <= received(server) <= bound
        assert most - before < 16 * bound  # Python's allocator and a parser's buffers are no media
        failed = server.wait_state("failed")
        assert code == 1011
        assert client.error["message"] in failed["message"]
        assert "2 times in a row." in client.error["message"]


def _send_all(client: Resumable, data: bytes) -> None:
    with suppress(ConnectionClosed):
        client.send(data)


def _greatest_memory(server: Server, process: psutil.Process) -> int:
    """Resident bytes at most, until the broadcast has failed."""
    most = 0

    def failed() -> bool:
        nonlocal most
        most = max(most, process.memory_info().rss)
        found = server.newest()
        return bool(found and found["state"] == "failed")

    wait_for("the end of its patience", failed)
    return most


def test_the_playlist_lives_on_without_an_end_while_its_publisher_is_away(
    server: Server, source: Clip
) -> None:
    channel, data = server.on("demo12"), source.path.read_bytes()
    first = Resumable.start(channel)
    first.send(data)
    first.until("ack", lambda ack: ack["media_time"] >= 2)
    first.vanish()
    interrupted = channel.wait_state("interrupted")
    assert interrupted["message"]
    for text in media_playlists(channel, interrupted["hls"]).values():
        assert "ENDLIST" not in text
    again = Resumable.resume(channel, first.broadcast)
    again.finish()
    for text in media_playlists(channel, interrupted["hls"]).values():
        assert "ENDLIST" in text
    check_whole(channel, first.broadcast, 0, source.frames)
