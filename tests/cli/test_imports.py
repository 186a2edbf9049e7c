"""What a command does not use, it does not import: that would take longer than most of them run."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import _SubParsersAction
from pathlib import Path

from ingestd.cli.main import _MODULES, parser
from tests.cli.sink import PATIENCE
from tests.support.accounts import make_channels

HEAVY = {"alembic", "fastapi", "prometheus_client", "sqlalchemy", "uvicorn", "uvloop"}
_RUN = """\
import json, sys
from ingestd.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(json.dumps(list(sys.modules)))
"""


def imported(*line: str) -> set[str]:
    """The modules that a command line needs."""
    command = [sys.executable, "-c", _RUN, *line]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_needs_no_server_and_no_database() -> None:
    assert HEAVY & imported("--help") == set()


def test_publish_needs_not_even_the_settings() -> None:
    found = imported("publish", "--help")
    assert "ingestd.cli.publish" in found and (HEAVY | {"ingestd.settings", "pydantic"}) & found == set()


def test_doctor_needs_no_server_and_no_database() -> None:
    assert HEAVY & imported("doctor", "--set", "no.such=setting") == set()


def test_a_database_that_is_up_to_date_needs_no_migrations(tmp_path: Path) -> None:
    make_channels(tmp_path / "data", [])
    found = imported("user", "list", "--data-dir", str(tmp_path / "data"))
    assert HEAVY & found == {"sqlalchemy"}


def registered(first: str) -> list[str]:
    """The commands that a line with this first word can choose from."""
    (commands,) = (action for action in parser(first)._actions if isinstance(action, _SubParsersAction))
    return list(commands.choices)


def test_each_command_is_found_in_its_module_alone_and_all_without_one() -> None:
    assert all(name in registered(name) for name in _MODULES)
    for first in ("", "--help", "upp"):
        assert registered(first) == list(_MODULES)
