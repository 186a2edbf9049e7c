"""Real Janus processes under their supervisor: what becomes of those who use them, whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog

from ingestd.processes import end_orphans
from ingestd.settings import load
from ingestd.webrtc.gateway import Away, Event, Handle, JanusError, connected
from ingestd.webrtc.janus_config import Role
from ingestd.webrtc.messages import parse
from ingestd.webrtc.webrtc import WebRtc, directory
from tests.support.network import ADDRESS, INTERFACE
from tests.webrtc.offers import OPUS

VIDEOROOM, STREAMING = "janus.plugin.videoroom", "janus.plugin.streaming"
MOUNTPOINT = {"type": "audio", "mid": "a", "port": 0, "pt": 111, "codec": "opus", "iface": "127.0.0.1"}

pytestmark = pytest.mark.usefixtures("network")


@asynccontextmanager
async def running(data: Path, *, hang_timeout: float = 5.0, **settings: str) -> AsyncIterator[WebRtc]:
    flags = {("webrtc", name): value for name, value in settings.items()}
    made = WebRtc(load(None, {}, flags), data, hang_timeout=hang_timeout)
    assert made.off == ""
    await made.start()
    try:
        assert made.trouble() == []
        yield made
    finally:
        await made.close()


def told(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.02)


async def publish(webrtc: WebRtc, room: str, heard: list[str] | None = None) -> Handle:
    """A publisher who has an answer, and never comes."""
    kinds = heard if heard is not None else []
    handle = await webrtc.publishing.attach(VIDEOROOM, lambda event: kinds.append(event.kind))
    await handle.request({"request": "create", "room": room})
    join = {"request": "joinandconfigure", "ptype": "publisher", "room": room}
    reply = await handle.request(join, {"type": "offer", "sdp": OPUS})
    assert reply.jsep and ADDRESS in reply.jsep["sdp"]
    return handle


def ours(data: Path) -> list[psutil.Process]:
    """Whatever works below the data directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(data)):
                found.append(process)
        except psutil.Error:
            pass
    return found


def lose(place: Path) -> None:
    """A process in a session of its own, of Janus's account, which is no child of ours."""
    account = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    subprocess.run([*account, "setsid", "--fork", "sleep", "600"], cwd=place, check=True)


def test_both_answer_and_publish_and_play(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, interfaces=f'["{INTERFACE}"]') as webrtc:
            await publish(webrtc, "a room with a name")
            viewer = await webrtc.watching.attach(STREAMING, lambda _: None)
            await viewer.request({"request": "create", "type": "rtp", "id": "m", "media": [MOUNTPOINT]})
            reply = await viewer.request({"request": "watch", "id": "m"})
            assert reply.jsep and reply.jsep["type"] == "offer"

    told(story())


def test_janus_that_is_killed_is_replaced_and_who_used_it_hears_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as webrtc:
            heard: list[str] = []
            handle = await publish(webrtc, "a", heard)
            process = webrtc.processes[Role.IN]
            before = process.pid
            os.kill(before, signal.SIGKILL)
            await until(lambda: "lost" in heard)
            assert handle.lost
            assert [one for one in webrtc.trouble() if "publishers" in one and "SIGKILL" in one] or process.up
            await publish(webrtc, "a")  # there is no such room yet
            assert process.pid not in (0, before) and webrtc.trouble() == []
            assert webrtc.processes[Role.OUT].record.in_a_row == 0

    told(story())


def test_janus_that_hangs_is_noticed_and_replaced(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, hang_timeout=0.5) as webrtc:
            heard: list[str] = []
            await publish(webrtc, "a", heard)
            process = webrtc.processes[Role.IN]
            before = process.pid
            os.kill(before, signal.SIGSTOP)
            await until(lambda: "lost" in heard and process.up)
            assert process.pid != before
            assert process.record.ends[-1].sentence == "Janus no longer answered, so it was ended."
            await publish(webrtc, "a")

    told(story())


def test_a_cut_connection_is_made_again_and_nobody_loses_anything(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as webrtc:
            heard: list[str] = []
            handle = await publish(webrtc, "a", heard)
            connection = webrtc.publishing._connection
            assert connection
            connection.transport.abort()
            await until(lambda: webrtc.publishing._connection is not connection)
            listed = await handle.request({"request": "listparticipants", "room": "a"})
            assert len(listed.data["participants"]) == 1
            assert "lost" not in heard and not handle.lost

    told(story())


def test_nothing_is_left_when_it_stops(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as webrtc:
            await publish(webrtc, "a")
            assert len(ours(tmp_path)) == 2
        assert ours(tmp_path) == []
        assert [path for path in tmp_path.rglob("*") if path != directory(tmp_path)] == []

    told(story())


def test_what_an_earlier_life_has_left_is_ended_and_nothing_of_this_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as webrtc:
            lose(directory(tmp_path) / Role.OUT)
            now = {one.pid for one in webrtc.processes.values()}
            orphans = {one.pid for one in ours(tmp_path)} - now
            assert len(orphans) == 1
            assert set(await end_orphans([directory(tmp_path)])) == orphans
            assert {one.pid for one in ours(tmp_path)} == now

    told(story())


def test_when_we_are_killed_so_is_janus_though_it_is_another_account(tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib\n"
        "from ingestd.settings import load\n"
        "from ingestd.webrtc.webrtc import WebRtc\n"
        "async def main():\n"
        f"    await WebRtc(load(), pathlib.Path({str(tmp_path)!r})).start()\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    daemon = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with daemon:
        assert daemon.stdout
        assert any(line == "ready\n" for line in daemon.stdout)
        left = ours(tmp_path)
        assert len(left) == 2
        daemon.kill()
    assert psutil.wait_procs(left, timeout=20)[1] == []


def test_secrets_stand_in_no_command_line_and_no_log_and_only_janus_reads_them(tmp_path: Path) -> None:
    async def story() -> None:
        with structlog.testing.capture_logs() as logged:
            async with running(tmp_path) as webrtc:
                process = webrtc.processes[Role.IN]
                secrets = [process.secret, process.admin_key]
                handle = await webrtc.publishing.attach(VIDEOROOM, lambda _: None)
                with pytest.raises(JanusError):
                    await handle.request({"request": "create", "room": 5})
                commands = [
                    path.read_bytes().decode() for path in Path("/proc").glob("[0-9]*/cmdline") if path
                ]
                environment = Path(f"/proc/{process.pid}/environ").read_bytes().decode()
                for secret in secrets:
                    assert not any(secret in command for command in commands)
                    assert secret not in environment
                written = [path for path in tmp_path.rglob("*.jcfg") if path.is_file()]
                with_secrets = [path for path in written if any(one in path.read_text() for one in secrets)]
                assert len(with_secrets) == 2
                assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
                assert process.socket.parent.stat().st_mode & 0o777 == 0o700
        assert logged and not any(secret in str(logged) for secret in secrets)

    told(story())


def test_janus_may_do_nothing_that_it_need_not(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as webrtc:
            for one in webrtc.processes.values():
                lines = Path(f"/proc/{one.pid}/status").read_text().splitlines()
                status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
                assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
                assert status["Groups"].split() == [] and status["NoNewPrivs"] == "1"
                assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}

    told(story())


@pytest.mark.parametrize("where", ["x" * 120, "private"])
def test_it_runs_in_directories_with_long_paths_or_that_its_account_cannot_reach(
    tmp_path: Path, where: str
) -> None:
    data = tmp_path / where / where
    data.mkdir(parents=True)
    (tmp_path / where).chmod(0o700)

    async def story() -> None:
        async with running(data) as webrtc:
            await publish(webrtc, "a")

    told(story())


def test_when_no_port_is_left_janus_says_no_and_ports_come_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, publish_ports="20000-20001") as webrtc:
            first, _ = [await publish(webrtc, room) for room in "ab"]
            with pytest.raises(JanusError) as refused:
                await publish(webrtc, "c")
            assert refused.value.code == 490
            await first.detach()
            async with asyncio.timeout(20):
                while True:
                    try:
                        await publish(webrtc, os.urandom(4).hex())
                        break
                    except JanusError as error:
                        assert error.code == 490
                        await asyncio.sleep(0.1)

    told(story())


def test_nobody_without_the_secret_or_the_key_makes_a_room(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as webrtc:
            gateway = webrtc.publishing
            handle = await gateway.attach(VIDEOROOM, lambda _: None)
            gateway._admin_key = "another"
            with pytest.raises(JanusError, match="key"):
                await handle.request({"request": "create", "room": "a"})
            gateway._secret = "another"
            with pytest.raises(JanusError) as refused:
                await handle.request({"request": "list"})
            assert refused.value.code == 403

    told(story())


def test_interfaces_that_are_not_here_are_said_and_not_replaced_by_others(tmp_path: Path) -> None:
    async def story() -> None:
        webrtc = WebRtc(load(None, {}, {("webrtc", "interfaces"): '["nonesuch"]'}), tmp_path)
        await webrtc.start()
        said = webrtc.trouble()
        assert len(said) == 2 and all("none of webrtc.interfaces (nonesuch)" in one for one in said)
        await webrtc.close()

    told(story())


def test_a_janus_that_cannot_run_is_tried_again_and_stops_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        webrtc = WebRtc(load(None, {}, {("webrtc", "program"): "/bin/false"}), tmp_path)
        await webrtc.start()
        await until(lambda: all(one.record.in_a_row > 2 for one in webrtc.processes.values()))
        words = "Janus ended with an error (exit code 1). It is being started again."
        assert [one.partition("down. ")[2] for one in webrtc.trouble()] == [words] * 2
        assert not webrtc.publishing.up
        await webrtc.close()
        with pytest.raises(Away):
            await webrtc.publishing.ask({"janus": "info"})

    told(story())


def test_without_janus_it_is_off_and_says_why(tmp_path: Path) -> None:
    async def story() -> None:
        for flags, why in (
            ({("webrtc", "program"): "no-such-janus"}, "no-such-janus was not found"),
            ({("webrtc", "enabled"): "false"}, "is switched off"),
        ):
            webrtc = WebRtc(load(None, {}, flags), tmp_path)
            await webrtc.start()
            assert why in webrtc.off and webrtc.trouble() == []
            await webrtc.close()
        assert list(tmp_path.iterdir()) == []

    told(story())


def test_events_of_a_peer_connection_are_heard(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as webrtc:
            heard: list[Event] = []
            handle = await webrtc.publishing.attach(VIDEOROOM, heard.append)
            await handle.request({"request": "create", "room": "a"})
            join = {"request": "joinandconfigure", "ptype": "publisher", "room": "a"}
            await handle.request(join, {"type": "offer", "sdp": OPUS})
            await handle.request({"request": "destroy", "room": "a"})
            await until(lambda: any(event.kind == "hangup" for event in heard))

    told(story())


def test_it_tells_of_its_peers_to_whoever_has_its_secret_and_is_let_into_its_folder(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as webrtc:
            await publish(webrtc, "room")
            janus, meter = webrtc.processes[Role.IN], webrtc.meters[Role.IN]
            (asked,) = webrtc.publishing.numbers()
            async with connected(janus.admin_socket, 30, "janus-admin-protocol") as connection:
                for secret, kind in ((janus.admin_key, "success"), ("guessed", "error"), ("", "error")):
                    request = {"janus": "handle_info", "session_id": asked[0], "handle_id": asked[1]}
                    await connection.send(json.dumps({**request, "transaction": "1", "admin_secret": secret}))
                    answer = parse(await connection.recv())
                    assert answer and answer.kind == kind
                    assert ("webrtc" in answer.data.get("info", {})) is (kind == "success")
            await meter.measure()
            assert meter.peers == {}  # it has an answer, and never came
            assert janus.admin_socket.parent.stat().st_mode & 0o777 == 0o700
            open_ports = [one for one in psutil.Process(janus.pid).net_connections("tcp") if not one.raddr]
            assert open_ports == []

    told(story())
