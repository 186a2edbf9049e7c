"""Which tests may run side by side."""

from __future__ import annotations

import pytest

_WHOLE_MACHINE = ("tests/system/", "tests/browser/", "tests/chaos/test_chaos", "tests/setup/")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that drive a whole server or a browser take turns, while another worker runs the light ones."""
    for item in items:
        if any(place in str(item.path) for place in _WHOLE_MACHINE):
            item.add_marker(pytest.mark.xdist_group("machine"))
