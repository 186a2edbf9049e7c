"""Tests with a real Janus, each in a network of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingestd.webrtc.janus import find, find_libraries
from tests.support.network import own_network


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/webrtc" in str(item.path):
            item.add_marker(pytest.mark.system)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(120))


@pytest.fixture(scope="module")
def network() -> Iterator[None]:
    """Janus is here, and so is a network that it uses."""
    if find("janus") is None or find_libraries() is None:
        pytest.skip("Janus is not installed")
    with own_network():
        yield
