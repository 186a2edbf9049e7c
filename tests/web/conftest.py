"""One installation for all tests of the API: each makes what it changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.world import World, installation


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """For no longer than these tests: it goes on in a thread, beside whatever is tested next."""
    with installation(tmp_path_factory.mktemp("web")) as made:
        yield made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With pytest 9.2 schemathesis gives all operations one id, of which a scheduler runs one alone."""
    for item in items:
        _, bracket, rest = item.name.partition("[")
        if bracket and "[" not in item.nodeid:
            item._id = item.id.with_params(rest.removesuffix("]"))
