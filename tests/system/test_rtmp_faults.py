"""An RTMP publisher that reconnects outlives nginx, its worker, and the daemon: one broadcast to the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil

from tests.support.administrator import going_on, listed
from tests.support.media import check_ended, decode_errors
from tests.support.server import Server, running, wait_for
from tests.system.numbered import NUMBERED
from tests.system.test_rtmp import LONG, ffmpeg, reconnecting, told

SETTINGS: dict[str, Any] = NUMBERED | {"ingest_silent_after": 1, "ingest_resume_window": 20}


def test_one_broadcast_outlives_nginx_its_worker_and_the_daemon() -> None:
    with running(expect_clean=False, **SETTINGS) as first:
        with reconnecting(ffmpeg(first, seconds=LONG)):
            begun = listed(first)
            for victims in nginx_and_its_worker(first):
                going_on(first, 2)
                before = epochs(first)
                for process in victims:
                    with suppress(psutil.NoSuchProcess):  # whose master has died before it
                        process.kill()
                another_epoch(first, before)
            going_on(first, 2)
            first.process.kill()
            first.process.wait()
            before = epochs(first)
        with running(data=first.data, **SETTINGS) as second:
            with reconnecting(ffmpeg(second, seconds=LONG)):
                another_epoch(second, before)
                going_on(second, 2)
            ended = second.wait_state("ended", "failed")
            assert (ended["id"], ended["state"]) == (begun["id"], "ended")
            every = before | epochs(second)
            assert len(every) >= 4, "a publisher that is cut off once more has one more"
            assert every == set(range(len(every)))
            for path, text in check_ended(second, ended).items():
                assert text.count("#EXT-X-DISCONTINUITY\n") >= 3
                assert decode_errors(second, path) == ""


def nginx_and_its_worker(server: Server) -> Iterator[list[Any]]:
    """nginx with its workers; then a worker of the one that was started in its place."""
    yield server.children("nginx")

    def workers() -> list[Any]:
        return [one for one in server.children("nginx") if not is_master(one)]

    def is_master(process: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):
            return bool(process.ppid() == server.process.pid)
        return True  # or whatever it was: it is gone

    yield wait_for("a worker", workers)


def another_epoch(server: Server, before: set[int]) -> None:
    """Wait until one has begun that was not there before; a failure shows what the server said last."""
    try:
        wait_for("another epoch", lambda: epochs(server) - before)
    except AssertionError as error:
        raise AssertionError(f"{error}; {server.logged()[-4000:]}") from None


def epochs(server: Server) -> set[int]:
    """Numbers of those that have begun."""
    return {int(one["epoch"]) for one in told(server, "epoch_started")}
