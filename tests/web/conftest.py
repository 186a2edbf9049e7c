"""One installation for all tests of the API: each makes what it changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.world import World, installation


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with installation(tmp_path_factory.mktemp("web")) as made:
        yield made


def pytest_itemcollected(item: pytest.Item) -> None:
    """schemathesis gives all operations one id, of which a scheduler that goes by ids runs one."""
    if not item.nodeid.endswith(item.name) and item.parent:
        item._nodeid = f"{item.parent.nodeid}::{item.name}"
