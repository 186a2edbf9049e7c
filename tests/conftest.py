"""Which tests may run side by side."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

_WHOLE_MACHINE = ("tests/system/", "tests/browser/", "tests/chaos/test_chaos", "tests/setup/")


class Turns(LoadScopeScheduling):  # type: ignore[misc]
    """Tests that drive a whole server or a browser take turns, while another worker runs the light ones.

    By where they are, for ``xdist_group`` marks no longer reach the scheduler since pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "machine" if nodeid.startswith(_WHOLE_MACHINE) else nodeid


@pytest.hookimpl(optionalhook=True)  # there may be no xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Turns:
    return Turns(config, log)
