"""Which tests may run side by side, and what none of them leaves behind."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# what a helper found wrong is shown as what a test found wrong
pytest.register_assert_rewrite("tests.support")

# how long it takes is no test's business, nor how long it takes to make what is given
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

# Of the tests with a server those that encode little: they run beside the others.
_LIGHT = (
    *("admission", "api", "database", "guard", "guessing", "hostile", "provider", "push", "redaction"),
    *("refusals", "revocation", "tls", "up"),
    *("backup", "idle", "nginx_log", "read_only", "scraped", "service", "status", "told"),
)
_TURNS = {
    **{f"tests/system/test_{name}.py": "light" for name in _LIGHT},
    **{
        f"tests/browser/test_{name}.py": "pages"
        for name in ("failures", "home", "mixing", "pages", "sources", "studio", "watch")
    },
    "tests/chaos/test_chaos": "browser",
    "tests/browser/": "browser",
    "tests/setup/": "browser",
    "tests/system/": "server",
    "tests/monitoring/test_prometheus": "server",
    "tests/accounts/": "accounts",
    "tests/web/": "web",
    "tests/webrtc/": "webrtc",
}


# What ``ingestd.log.configure`` makes quiet, and what ``ingestd serve`` makes loud.
_LOGGERS = ("", "uvicorn.error", "uvicorn.access", "websockets", "alembic", "ingestd.cli.server")


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Logging is the process's, and so is what a command that runs in this process makes of it: put back, or
    later tests would log to a stderr that is closed, and see other lines than they wait for."""
    root = logging.getLogger()
    handlers, config = root.handlers, structlog.get_config()
    levels = [(one, one.level) for one in map(logging.getLogger, _LOGGERS)]
    yield
    root.handlers = handlers
    for one, level in levels:
        if one.level != level:  # to set it empties the cache of every logger
            one.setLevel(level)
    structlog.configure(**config)


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
