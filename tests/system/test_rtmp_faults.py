"""An RTMP publisher that reconnects outlives nginx, its worker, and the daemon: one broadcast to the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.administrator import going_on, listed
from tests.support.media import check_ended, decode_errors
from tests.support.server import Server, running, wait_for
from tests.system.numbered import NUMBERED
from tests.system.test_rtmp import LONG, ffmpeg, reconnecting, told

SETTINGS: dict[str, Any] = NUMBERED | {"ingest_silent_after": 1, "ingest_resume_window": 12}


def test_one_broadcast_outlives_nginx_its_worker_and_the_daemon() -> None:
    with running(expect_clean=False, **SETTINGS) as first:
        with reconnecting(ffmpeg(first, seconds=LONG)):
            begun = listed(first)
            for victims in nginx_and_its_worker(first):
                going_on(first, 2)
                before = epochs(first)
                for process in victims:
                    process.kill()
                wait_for("another epoch", lambda before=before: epochs(first) > before)  # type: ignore[misc]
            going_on(first, 2)
            first.process.kill()
            first.process.wait()
        with running(data=first.data, **SETTINGS) as second:
            with reconnecting(ffmpeg(second, seconds=LONG)):
                wait_for("another epoch", lambda: 3 in epochs(second))
                going_on(second, 2)
            ended = second.wait_state("ended", "failed")
            assert (ended["id"], ended["state"]) == (begun["id"], "ended")
            assert epochs(first) | epochs(second) == {0, 1, 2, 3}
            for path, text in check_ended(second, ended).items():
                assert text.count("#EXT-X-DISCONTINUITY\n") >= 3
                assert decode_errors(second, path) == ""


def nginx_and_its_worker(server: Server) -> Iterator[list[Any]]:
    """nginx with its workers; then a worker of the one that was started in its place."""
    yield server.children("nginx")

    def workers() -> list[Any]:
        return [one for one in server.children("nginx") if one.ppid() != server.process.pid]

    yield wait_for("a worker", workers)


def epochs(server: Server) -> set[int]:
    """Numbers of those that have begun."""
    return {int(one["epoch"]) for one in told(server, "epoch_started")}
