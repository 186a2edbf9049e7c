"""Which tests may run side by side."""

from __future__ import annotations

import pytest

# Tests that drive a whole server or a browser take turns with their like; those that share what is
# expensive to make (a database) stay together. Everything else goes to whichever worker is free.
_GROUPS = {
    "tests/chaos/test_chaos": "browser",
    "tests/browser/": "browser",
    "tests/setup/": "browser",
    "tests/system/": "server",
    "tests/accounts/": "accounts",
    "tests/web/": "web",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = next((name for place, name in _GROUPS.items() if place in str(item.path)), None)
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
