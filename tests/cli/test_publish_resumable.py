"""``ingestd publish`` against a server of the resumable protocol that breaks in every way."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from ingestd.cli.publish import Options, publish
from ingestd.publish import conversation, resumable
from ingestd.publish.backlog import Bounds
from ingestd.publish.errors import Exit
from ingestd.publish.retry import Waits
from tests.cli.sending import KEY, SECRETS, TOKEN, after, kinds, run, sent
from tests.cli.sink import PATIENCE, RECORDINGS, VP8, Fault, Origin, ended, listening, start
from tests.support.held import held

CLEAN = sorted(path.stem for path in RECORDINGS.glob("*.json"))
DATA = VP8.read_bytes()


@pytest.mark.parametrize("name", CLEAN)
def test_every_recording_arrives_as_it_is(name: str) -> None:
    sink, finished = after(file=RECORDINGS / name, words=("--title", "Où? & what"))
    assert finished.code == Exit.SENT, finished.err
    assert sink.data == (RECORDINGS / name).read_bytes()
    assert kinds(sink) == ["start", "stop"]
    assert (sink.said[0]["title"], sink.said[0]["takeover"]) == ("Où? & what", False)
    assert sink.codes == [1000]
    assert "all of it stands in the playlist" in finished.err


def test_what_the_start_says_of_the_media() -> None:
    mimes = {}
    for name in (
        "vp8-opus_ts250_kf2000.webm",
        "audioonly-opus_ts250.webm",
        "h264annexb-opus_ts250_kf2000.mkv",
    ):
        sink, _ = after(file=RECORDINGS / name)
        mimes[name[:4]] = sink.said[0]["mime"]
        assert "title" not in sink.said[0]
    assert mimes == {
        "vp8-": "video/webm;codecs=vp8,opus",
        "audi": "audio/webm;codecs=opus",
        "h264": "video/x-matroska;codecs=avc1,opus",
    }


CUTS = [
    pytest.param(Fault("cut", 300_000), id="cut"),
    pytest.param(Fault("cut", 0), id="cut at once"),
    pytest.param(Fault("cut", 300_000, forget=True), id="daemon killed"),
    pytest.param(Fault("close", 300_000, 1012, "Restarting."), id="restarting"),
    pytest.param(
        Fault("close", 300_000, 1012, "Restarting.", "restarting", forget=True), id="lost its memory"
    ),
    pytest.param(Fault("close", 300_000, 1011, "Something."), id="a fault of the server"),
    pytest.param(Fault("close", 300_000, 4408, "Nothing was received."), id="silent"),
    pytest.param(Fault("close", 300_000, 1001, ""), id="going away"),
    pytest.param(Fault("close", 300_000, 1000, ""), id="no reason"),
    pytest.param(Fault("cut", len(DATA)), id="after the last byte"),
]


@pytest.mark.parametrize("fault", CUTS)
def test_a_connection_that_ends_is_followed_by_another(fault: Fault) -> None:
    fault = Fault(**vars(fault))
    sink, finished = after(fault, Fault("cut", 100_000, forget=True), Fault("cut", 200_000))
    assert finished.code == Exit.SENT, finished.err
    assert sink.data == DATA
    assert len(sink.broadcasts) == 1
    assert "Connected again" in finished.err
    if fault.code == 1012:
        assert "The server is restarting; coming back." in finished.err


def test_a_full_server_is_asked_again_when_it_has_said_and_that_is_told() -> None:
    full = Fault("close", -1, 1013, "The server is full.", "no_capacity", retry_after=2)
    sink, finished = after(Fault("cut", 300_000), full)
    assert finished.code == Exit.SENT, finished.err
    assert sink.data == DATA
    assert len(sink.connections) == 3
    assert sink.greeted[2] - sink.greeted[1] >= 2.0
    assert re.search(r"\(1013\): The server is full\. Trying again in 2 s\.", finished.err)


def test_a_server_whose_every_connection_breaks() -> None:
    sink, finished = after(*[Fault("cut", 150_000, forget=bool(n % 2)) for n in range(20)])
    assert finished.code == Exit.SENT, finished.err
    assert sink.data == DATA
    assert kinds(sink).count("resume") > 5


def test_each_pass_and_each_recording_inside_a_file_is_an_epoch(tmp_path: Path) -> None:
    parts = [(RECORDINGS / f"vp8_restart-part{number}.webm").read_bytes() for number in (1, 2)]
    file = tmp_path / "two.webm"
    file.write_bytes(b"".join(parts))
    sink, finished = after(Fault("cut", len(parts[0]) + 5000), file=file)
    assert finished.code == Exit.SENT, finished.err
    assert sink.broadcasts[0].datas == parts
    assert [said for said in sink.said if said["type"] == "epoch"] == [
        {"type": "epoch", "epoch": 1, "mime": "video/webm;codecs=vp8,opus"}
    ]


def test_a_loop_goes_on_through_cuts_until_ctrl_c() -> None:
    async def test() -> None:
        size = len(DATA)
        sizes = [size - 7000, 20_000, size // 2, size + 10, 10_000]
        faults = [Fault("cut", at, forget=bool(n % 2)) for n, at in enumerate(sizes)]
        async with listening(Origin(faults=faults)) as sink:
            words = ["--server", sink.url, "--loop", "--speed", "200"]
            process = await start("publish", str(VP8), *words, **SECRETS)
            await sink.wait(lambda one: not faults and len(one.data) > 4.5 * size)
            process.send_signal(signal.SIGINT)
            finished = await ended(process)
            assert finished.code == Exit.INTERRUPTED, finished.err
            *whole, last = sink.broadcasts[0].datas
            assert whole == [DATA] * len(whole) and len(whole) >= 4
            assert DATA.startswith(last)
            assert sink.broadcasts[0].stopped
            assert "all of it stands in the playlist" in finished.err

    run(test())


@pytest.mark.parametrize("at", [100, 150_000, 600_000])
def test_a_broadcast_that_was_ended_is_followed_by_another_with_all_that_was_unsafe(at: int) -> None:
    sink, finished = after(Fault("cut", at, over=True))
    assert finished.code == Exit.SENT, finished.err
    first, second = sink.broadcasts
    (had,), (data,) = first.datas, second.datas
    assert DATA.startswith(had)
    # the last ack may have been lost with the connection
    init = DATA[: first.epochs[0].units[0][0]] if first.epochs[0].units else b""
    places = [offset for offset, *_ in first.epochs[0].units[1:] if offset <= first.acked[1]]
    assert data in [DATA, *(init + DATA[place:] for place in places)]
    assert bool(places) == (at > 500_000)
    assert kinds(sink) == ["start", "resume", "start", "stop"]
    assert re.search(
        r"had ended the broadcast; a new one has begun: the [\d.]+ s that were not yet", finished.err
    )


def test_the_new_broadcast_survives_as_well() -> None:
    faults = [
        Fault("cut", 400_000, over=True),
        Fault("cut", 90_000, forget=True),
        Fault("cut", 200_000, over=True),
    ]
    sink, finished = after(*faults)
    assert finished.code == Exit.SENT, finished.err
    assert len(sink.broadcasts) == 3
    assert DATA.endswith(sink.data[-100_000:])


def test_stopped_and_all_safe_when_the_broadcast_is_over_is_success() -> None:
    class Forgetful(Origin):
        async def _receive(self, connection: ServerConnection, broadcast: Any, fault: Fault) -> None:
            self.ends = False
            while not broadcast.stopped:
                message = await connection.recv()
                if isinstance(message, bytes):
                    broadcast.epochs[-1].feed(message)
                else:
                    self._text(broadcast, message)
            await self._ack(connection, broadcast)
            broadcast.over = True
            await connection.close(1012)

    async def test() -> None:
        async with listening(Forgetful()) as sink:
            finished = await sent(sink)
            assert finished.code == Exit.SENT, finished.err
            assert kinds(sink) == ["start", "stop", "resume"]

    run(test())


def test_a_resume_that_finds_all_in_the_playlist() -> None:
    class Late(Origin):
        async def _greet(self, connection: ServerConnection) -> Any:
            if not self.broadcasts or not self.broadcasts[-1].stopped:
                return await super()._greet(connection)
            await self._heard(connection)
            await self._say(connection, "ended", media_time=1.0)
            await connection.close(1000)
            return None

    async def test() -> None:
        sink = Late(ends=False)
        say = sink._ack

        async def cut(connection: ServerConnection, broadcast: Any) -> None:
            if broadcast.stopped:
                connection.transport.abort()
            else:
                await say(connection, broadcast)

        sink._ack = cut  # type: ignore[method-assign]
        async with listening(sink):
            finished = await sent(sink)
            assert finished.code == Exit.SENT, finished.err
            assert kinds(sink) == ["start", "stop", "resume"]

    run(test())


def test_takeover_is_asked_for() -> None:
    sink, finished = after(words=("--takeover",))
    assert finished.code == Exit.SENT
    assert sink.said[0]["takeover"] is True


def test_who_lost_the_channel_does_not_take_it_back() -> None:
    sink, finished = after(Fault("cut", 300_000, over=True), words=("--takeover",))
    assert finished.code == Exit.SENT
    assert [said.get("takeover") for said in sink.said if said["type"] == "start"] == [True, False]


def test_no_room_on_resume_is_waited_for() -> None:
    sink, finished = after(Fault("cut", 300_000), Fault("close", -1, 1013, "No room."))
    assert finished.code == Exit.SENT, finished.err
    assert sink.data == DATA


def test_an_own_connection_that_lives_on_at_the_server_is_waited_for() -> None:
    """The answer to a start is lost; to the server that connection still has the channel."""
    sink, finished = after(Fault("cut", -1), Fault("close", -1, 4409, "The channel is live."))
    assert finished.code == Exit.SENT, finished.err
    assert sink.data == DATA


def test_it_gives_up() -> None:
    async def test() -> None:
        sink = Origin(faults=[Fault("cut", 100_000)])
        async with listening(sink):
            process = await start(
                *["publish", str(VP8), "--server", sink.url, "--speed", "1", "--give-up", "1.5"], **SECRETS
            )
            await sink.wait(lambda one: bool(one.codes))
        finished = await ended(process)
        assert finished.code == Exit.LOST, finished.err
        assert "Given up after 1.5 s without the server" in finished.err
        assert "are not known to be safe" in finished.err

    run(test())


def test_a_server_that_is_away_is_asked_for_once_a_second_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which finds it within a second of its return; nobody measures that, for machines may be busy."""
    waits: list[float] = []

    class Noted(Waits):
        def next(self, since_loss: float, **how: Any) -> float:
            waits.append(super().next(since_loss, **how))
            return waits[-1]

    monkeypatch.setattr(resumable, "Waits", Noted)

    async def test() -> None:
        sink = Origin(faults=[Fault("cut", 50_000)])
        handle: dict[str, Any] = {"process_request": sink.answer, "subprotocols": ["ingestd.v1"]}
        handle |= {"compression": None, "reuse_port": True}
        with held() as port:
            async with serve(sink.take, "127.0.0.1", port, **handle):
                options = Options(VP8, f"127.0.0.1:{port}", KEY, TOKEN, speed=20)
                publishing = asyncio.create_task(publish(options))
                await sink.wait(lambda one: bool(one.codes))
            seen, failed = len(sink.requests), len(waits)
            async with asyncio.timeout(PATIENCE):
                while len(waits) < failed + 4:  # noqa: ASYNC110 - nobody is there to see an attempt
                    await asyncio.sleep(0.01)
            assert len(sink.requests) == seen and not publishing.done()
            async with serve(sink.take, "127.0.0.1", port, **handle):
                await sink.wait(lambda one: len(one.requests) > seen)
                assert await publishing is Exit.SENT
        assert sink.data == DATA
        assert max(waits) <= 1.0

    run(test())


def test_a_server_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(conversation, "READY_SECONDS", 0.3)
    monkeypatch.setattr(conversation, "SILENT_SECONDS", 1.0)

    async def test() -> None:
        async with listening(Origin(faults=[Fault("mute", -1), Fault("mute", 300_000)])) as sink:
            assert await publish(Options(VP8, sink.url, KEY, TOKEN, speed=0)) is Exit.SENT
            assert sink.data == DATA
            said = kinds(sink)  # more than once each, where the machine was busy for as long as that
            assert (said[0], said[-1]) == ("start", "stop") and "resume" in said

    run(test())
    assert "The server says nothing any more" in capsys.readouterr().err


def test_acks_that_never_come_let_the_file_wait(capsys: pytest.CaptureFixture[str]) -> None:
    """... and once they come, it goes on."""

    async def test() -> None:
        bounds = Bounds(bytes=400_000)
        async with listening(Origin(acks=False)) as sink:
            options = Options(VP8, sink.url, KEY, TOKEN, speed=0, bounds=bounds)
            publishing = asyncio.create_task(publish(options))
            await sink.wait(lambda one: len(one.data) > 300_000)
            await asyncio.sleep(0.5)  # for what must not come
            assert len(sink.data) <= 400_000 and not publishing.done()
            sink.acks = True
            (connection,) = sink.connections
            await sink._ack(connection, sink.broadcasts[0])
            assert await publishing is Exit.SENT
            assert sink.data == DATA

    run(test())


def test_ctrl_c_while_the_server_is_away_waits_for_it() -> None:
    async def test() -> None:
        sink = Origin(faults=[Fault("cut", 50_000), Fault("close", -1, 1013), Fault("close", -1, 1013)])
        async with listening(sink):
            process = await start("publish", str(VP8), "--server", sink.url, **SECRETS)
            await sink.wait(lambda one: len(one.requests) > 1)
            process.send_signal(signal.SIGINT)
            finished = await ended(process)
        assert finished.code == Exit.INTERRUPTED, finished.err
        assert DATA.startswith(sink.data) and len(sink.data) < len(DATA)
        assert sink.broadcasts[0].stopped

    run(test())


def test_a_second_ctrl_c_ends_at_once() -> None:
    async def test() -> None:
        sink = Origin(ends=False)
        async with listening(sink):
            process = await start("publish", str(VP8), "--server", sink.url, **SECRETS)
            await sink.wait(lambda one: bool(one.data))
            process.send_signal(signal.SIGINT)
            await sink.wait(lambda one: kinds(sink)[-1] == "stop")
            process.send_signal(signal.SIGINT)
            finished = await ended(process)
        assert finished.code == Exit.INTERRUPTED
        assert "Traceback" not in finished.err

    run(test())


def test_a_server_that_answers_is_told_our_clock_once_a_second_and_when_the_recording_began() -> None:
    async def test() -> Origin:
        async with listening(Origin(clock=True)) as sink:
            before = time.monotonic()
            assert await publish(Options(VP8, sink.url, KEY, TOKEN)) == Exit.SENT
            assert before < sink.clocks[0]["sent"] < time.monotonic()
            return sink

    clocks = asyncio.run(test()).clocks
    assert len(clocks) > 3 and "heard" not in clocks[0]
    pairs = list(pairwise(clocks))
    assert all(later["sent"] - one["sent"] >= 1.0 for one, later in pairs)
    # a busy machine may hear an answer too late for the next message, and hand on late what it "records"
    heard = [(one, later) for one, later in pairs if "heard" in later]
    assert heard and all(one["sent"] <= later["heard"] <= later["sent"] for one, later in heard)
    began = sorted(one["began"] for one in clocks if "began" in one)
    assert began[-1] - began[0] < (clocks[-1]["sent"] - clocks[0]["sent"]) / 2, "that is not when it was sent"
    if all(later["sent"] - one["sent"] < 1.6 for one, later in pairs):  # and nothing has held it up
        assert began[0] == pytest.approx(clocks[0]["sent"], abs=1.0)
        assert began[len(began) // 2] == pytest.approx(began[0], abs=0.3)


def test_a_server_that_does_not_answer_is_not_told_our_clock() -> None:
    sink, _ = after(file=VP8)
    assert sink.clocks == []
