"""System tests: real FFmpeg, real nginx, real sockets. One shared server where a test can share it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.server import Server, running

# Small, quick encodes: what these tests are about does not depend on the picture's size.
SMALL: dict[str, Any] = {
    "encoder_ladder": "[{height=360,bitrate=500},{height=240,bitrate=250}]",
    "encoder_preset": "ultrafast",
    "hls_poster_every": 0,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/system" in str(item.path):
            item.add_marker(pytest.mark.system)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server with several channels that tests share; each test uses a channel of its own."""
    with running(
        channels=70,
        ingest_idle_timeout=10,  # longer than a busy machine stands still now and then
        ingest_resume_window=2,
        ingest_max_broadcasts=70,
        encoder_stall_timeout=30,  # nor is an encoder at fault that is slow there
        encoder_slow_timeout=60,
        **SMALL,
    ) as made:
        yield made
