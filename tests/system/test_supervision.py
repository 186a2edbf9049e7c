"""What is stuck, mute or left behind is noticed and ended; what is hopeless is said in plain words."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
import pytest

from tests.support.publisher import blobs, dial, send
from tests.support.server import Server, running, wait_for
from tests.system.conftest import SMALL

T = TypeVar("T")

CLIP = "vp8-opus_ts250_kf2000.webm"
MUTE = Path(__file__).parents[1] / "support" / "mute_encoder.py"


def alive(process: psutil.Process) -> bool:
    """Running: not gone, and not waiting for a PID 1 that reaps nothing."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def masters(server: Server) -> list[psutil.Process]:
    """The nginx that the server itself has started."""
    return [one for one in server.children("nginx") if one.ppid() == server.process.pid]


def wait_with_log(server: Server, what: str, probe: Callable[[], T | None]) -> T:
    """As ``wait_for``; a failure shows what the server said last."""
    try:
        return wait_for(what, probe)
    except AssertionError as error:
        family = [(one.pid, one.name(), one.status()) for one in server.children("nginx")]
        raise AssertionError(f"{error}; {family}; {server.logged()[-4000:]}") from None


@contextmanager
def on_air(server: Server) -> Iterator[None]:
    """A publisher that sends half a clip at its own pace and then its last bytes, one by one."""
    over = threading.Event()

    def publish() -> None:
        pieces = blobs(CLIP)
        half = len(pieces) // 2
        try:
            with dial(server) as connection:
                send(connection, pieces[:half])
                for byte in b"".join(data for _, data in pieces[half:]):
                    if over.wait(0.5):
                        return
                    connection.send(bytes([byte]))
        except Exception:  # refused, given up, or killed: what a test is about, it looks at itself
            return

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        yield
    finally:
        over.set()
        publisher.join()


@pytest.mark.parametrize("with_master", [False, True], ids=["worker", "master and worker"])
def test_a_hung_nginx_is_killed_and_started_again(with_master: bool) -> None:
    with running(nginx_hang_timeout=2, **SMALL) as server:
        (master,) = masters(server)
        family = [master, *wait_for("its worker", lambda: master.children())]
        for process in family if with_master else family[1:]:
            process.suspend()
        began = time.monotonic()
        (fresh,) = wait_with_log(
            server, "another nginx", lambda: [one for one in masters(server) if one.pid != master.pid]
        )
        wait_for("all to be ready", lambda: server.get("/readyz")["ready"])
        assert httpx.get(f"{server.hls}/healthz").json() == {"status": "ok"}
        print(f"a hung nginx was replaced after {time.monotonic() - began:.1f} s")
        assert alive(fresh)
        assert not [one for one in family if alive(one)]
        assert '"nginx_hung"' in server.logged()


def test_an_nginx_that_answers_is_left_alone_and_says_nothing() -> None:
    with running(nginx_hang_timeout=2, **SMALL) as server:
        (master,) = masters(server)
        time.sleep(4)  # what must not happen sends no sign: twice the patience
        assert masters(server) == [master]
        assert "nginx_hung" not in server.logged()
        assert '"event": "nginx"' not in server.logged()  # what is asked of it is not worth a line


def test_an_encoder_that_tells_of_progress_but_delivers_nothing_is_given_up_in_plain_words() -> None:
    with (
        running(encoder_ffmpeg=MUTE, encoder_max_restarts=1, encoder_stall_timeout=1.5, **SMALL) as server,
        on_air(server),
    ):
        wait_for("the stand-in", lambda: server.children("mute_encoder.py") or server.children("python3"))
        failed = server.wait_state("failed")
        assert "2 times in a row" in failed["message"]
        assert server.metric("ingestd_encoder_restarts_total", reason="stalled") >= 1
        assert server.logged().count('"encoder_stalled"') == 2
        wait_for("the stand-in to be gone", lambda: len(psutil.Process(server.process.pid).children()) == 1)


def test_nothing_of_a_killed_server_lives_on_for_more_than_a_second() -> None:
    with running(expect_clean=False, **SMALL) as server, on_air(server):
        server.wait_for("two seconds", lambda one: one["media_time"] >= 2)
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert {"ffmpeg", "nginx"} <= {one.name() for one in family}
        server.process.kill()
        server.process.wait()
        began = time.monotonic()
        wait_for("its children to die", lambda: not [one for one in family if alive(one)])
        took = time.monotonic() - began
        print(f"its {len(family)} children were gone after {took:.2f} s")
        assert took < 1.0


def test_what_could_not_die_with_its_server_is_ended_by_the_next_one() -> None:
    """An nginx that is stopped does not hear that its parent is gone."""
    with running(expect_clean=False, **SMALL) as first:
        family = psutil.Process(first.process.pid).children(recursive=True)
        for process in family:
            process.send_signal(signal.SIGSTOP)
        first.process.kill()
        first.process.wait()
        try:
            assert [one for one in family if alive(one)]
            with running(data=first.data, **SMALL) as second:
                assert not [one for one in family if alive(one)]
                assert second.get("/readyz")["ready"]
        finally:
            for process in family:
                if alive(process):
                    process.kill()
