"""Which tests may run side by side."""

from __future__ import annotations

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("shared machine", deadline=None)  # how long it takes is no test's business
settings.load_profile("shared machine")

# Of the tests with a server those that encode little: they run beside the others.
_LIGHT = (
    *("admission", "api", "database", "guard", "guessing", "hostile", "provider", "push", "redaction"),
    *("refusals", "revocation", "tls", "up"),
)
_TURNS = {
    **{f"tests/system/test_{name}.py": "light" for name in _LIGHT},
    "tests/chaos/test_chaos": "browser",
    "tests/browser/": "browser",
    "tests/setup/": "browser",
    "tests/system/": "server",
    "tests/accounts/": "accounts",
    "tests/web/": "web",
}


class Turns(LoadScopeScheduling):  # type: ignore[misc]
    """Tests that drive a whole server or a browser take turns with their like; those that share what is
    expensive to make (a database) stay together. Everything else goes to whichever worker is free.

    By where they are, for ``xdist_group`` marks no longer reach the scheduler since pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((turn for place, turn in _TURNS.items() if nodeid.startswith(place)), nodeid)


@pytest.hookimpl(optionalhook=True)  # there may be no xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Turns:
    return Turns(config, log)
