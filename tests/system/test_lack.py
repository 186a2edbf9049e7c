"""What a running server lacks for a while: its disk, or descriptors. It says so, and comes back by itself."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support import http
from tests.support.administrator import administrator, good
from tests.support.server import PATIENCE, running, wait_for
from tests.system.conftest import SMALL

NONE = 3  # descriptors, which are taken: no other can be opened


def ready(client: httpx.Client) -> tuple[int, list[str]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["reasons"]


@contextmanager
def without_descriptors(process: int) -> Iterator[None]:
    before = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (NONE, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_NOFILE, before)


def test_a_disk_that_is_gone_is_said_and_the_server_comes_back_with_it() -> None:
    with running(**SMALL) as server, http.Client(base_url=server.http, timeout=PATIENCE) as client:
        assert ready(client) == (200, [])
        hls, elsewhere = server.data / "hls", server.data / "elsewhere"
        hls.rename(elsewhere)
        status, reasons = ready(client)
        assert status == 503
        assert "The server's disk cannot be used: No such file or directory. Try again in 15 s." in reasons
        assert client.get("/metrics").status_code == 200
        elsewhere.rename(hls)
        assert ready(client) == (200, [])


def test_without_descriptors_it_says_so_goes_on_measuring_and_comes_back() -> None:
    with (
        running(**SMALL) as server,
        http.Client(base_url=server.http, timeout=PATIENCE) as client,
        administrator(server) as admin,
    ):

        def measured() -> int:
            return int(good(admin.get("/overview?seconds=5"))["newest"] or 0)

        assert ready(client) == (200, [])
        # both connections are used until the last moment: the server closes what is idle for some seconds
        wait_for("the first measurement", lambda: ready(client) == (200, []) and measured())
        with without_descriptors(server.process.pid):
            status, reasons = ready(client)
            assert status == 503
            assert reasons == ["The server cannot open another file or connection: Too many open files."]
            assert client.get("/metrics").status_code == 200
            wait_for("what cannot be measured", lambda: measured() and '"not_measured"' in server.logged())
            before = measured()
            wait_for("a step without it", lambda: measured() > before)
            assert good(admin.get("/overview?seconds=5"))["machine"]["memory_bytes"] is None
        wait_for("all to be well", lambda: ready(client) == (200, []))
        wait_for("a measurement", lambda: good(admin.get("/overview?seconds=5"))["memory"][-1])
        assert server.logged().count('"not_measured"') == 1
