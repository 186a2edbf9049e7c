"""Which tests may run side by side."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

_TURNS = {
    "tests/chaos/test_chaos": "browser",
    "tests/browser/": "browser",
    "tests/setup/": "browser",
    "tests/system/": "server",
}


class Turns(LoadScopeScheduling):  # type: ignore[misc]
    """Tests that drive a whole server or a browser take turns with their like; all others go to whichever
    worker is free.

    By where they are, for ``xdist_group`` marks no longer reach the scheduler since pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((turn for place, turn in _TURNS.items() if nodeid.startswith(place)), nodeid)


@pytest.hookimpl(optionalhook=True)  # there may be no xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Turns:
    return Turns(config, log)
