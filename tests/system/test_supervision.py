"""What is stuck, mute or left behind is noticed and ended; what is hopeless is said in plain words."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from tests.support import http
from tests.support.publisher import blobs, dial, send
from tests.support.server import Server, alive, running, wait_for
from tests.system.conftest import SMALL

T = TypeVar("T")

CLIP = "vp8-opus_ts250_kf2000.webm"
MUTE = Path(__file__).parents[1] / "support" / "mute_encoder.py"
HANG = 4.0  # seconds without an answer of nginx: more than a busy machine leaves it without a turn


def masters(server: Server) -> list[psutil.Process]:
    """The nginx that the server itself has started."""
    return [one for one in server.children("nginx") if _parent(one) == server.process.pid]


def _parent(process: psutil.Process) -> int | None:
    """The number of its parent; None: it is gone."""
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return None


def wait_with_log(server: Server, what: str, probe: Callable[[], T | None]) -> T:
    """As ``wait_for``; a failure shows what the server said last."""
    try:
        return wait_for(what, probe)
    except AssertionError as error:
        raise AssertionError(f"{error}; {server.children('nginx')}; {server.logged()[-4000:]}") from None


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
    with running(nginx_hang_timeout=HANG, **SMALL) as server:
        (master,) = masters(server)
        family = [master, *wait_for("its worker", lambda: master.children())]
        for process in family if with_master else family[1:]:
            process.suspend()
        began = time.monotonic()
        (fresh,) = wait_with_log(
            server, "another nginx", lambda: [one for one in masters(server) if one.pid != master.pid]
        )
        wait_with_log(server, "all to be ready", lambda: server.get("/readyz")["ready"])
        assert http.get(f"{server.hls}/healthz").json() == {"status": "ok"}
        print(f"a hung nginx was replaced after {time.monotonic() - began:.1f} s")
        assert alive(fresh)
        wait_with_log(server, "the old one to die", lambda: not [one for one in family if alive(one)])
        assert '"nginx_hung"' in server.logged()


def test_an_nginx_that_answers_is_left_alone_and_says_nothing() -> None:
    with running(nginx_hang_timeout=HANG, **SMALL) as server:
        (master,) = masters(server)
        time.sleep(2 * HANG)  # what must not happen sends no sign
        assert masters(server) == [master]
        assert "nginx_hung" not in server.logged()
        assert '"event": "nginx"' not in server.logged()  # what is asked of it is not worth a line


def test_an_encoder_that_tells_of_progress_but_delivers_nothing_is_given_up_in_plain_words() -> None:
    with (
        running(encoder_ffmpeg=MUTE, encoder_max_restarts=1, encoder_stall_timeout=1.5, **SMALL) as server,
        on_air(server),
    ):
        failed = server.wait_state("failed")
        assert "2 times in a row" in failed["message"]
        assert server.metric("ingestd_encoder_restarts_total", reason="stalled") >= 1
        assert server.logged().count('"encoder_stalled"') == 2
        daemon = psutil.Process(server.process.pid)
        wait_with_log(server, "the stand-in to be gone", lambda: len(daemon.children()) == 1)


def test_nothing_of_a_killed_server_lives_on() -> None:
    """A moment later, of which a machine that is busy makes more than it is: that is printed."""
    with running(expect_clean=False, **SMALL) as server, on_air(server):
        server.wait_for("two seconds", lambda one: one["media_time"] >= 2)
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert server.children("ffmpeg") and server.children("nginx")
        server.process.kill()
        server.process.wait()
        began = time.monotonic()
        wait_for("its children to die", lambda: not [one for one in family if alive(one)])
        print(f"its {len(family)} children were gone after {time.monotonic() - began:.2f} s")


def test_what_could_not_die_with_its_server_is_ended_by_the_next_one() -> None:
    """An nginx that is stopped does not hear that its parent is gone."""
    with running(expect_clean=False, **SMALL) as first:
        family = psutil.Process(first.process.pid).children(recursive=True)
        for process in family:
            with suppress(psutil.NoSuchProcess):  # nginx has one that lives for its first minute only
                process.send_signal(signal.SIGSTOP)
        first.process.kill()
        first.process.wait()
        try:
            assert [one for one in family if alive(one)]
            with running(data=first.data, **SMALL) as second:
                wait_with_log(
                    second, "the old ones to die", lambda: not [one for one in family if alive(one)]
                )
                wait_with_log(second, "all to be ready", lambda: second.get("/readyz")["ready"])
        finally:
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
