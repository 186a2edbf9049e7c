"""``ingestd channel set``: a channel's picture, what is to come, who may embed it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.cli import test_accounts_cli as accounts_cli
from tests.cli.test_accounts_cli import Installation
from tests.web.test_pictures import photograph

__all__ = ["_quick", "here", "template"]

_quick, here, template = accounts_cli._quick, accounts_cli.here, accounts_cli.template


def told(here: Installation) -> dict[str, object]:
    found: dict[str, object] = here.fine("channel show demo --json").json
    return found


def test_a_picture_is_set_and_taken_away(here: Installation, tmp_path: Path) -> None:
    file = tmp_path / "desk.jpg"
    file.write_bytes(photograph())
    here.fine(f"channel set demo --picture '{file}' --title Desk")
    (stored,) = (here.data / "pictures").iterdir()
    assert told(here)["picture"] is True and told(here)["title"] == "Desk"
    assert stored.name.endswith("-400x300.jpg")
    here.fine("channel set demo --no-picture")
    assert told(here)["picture"] is False
    file.write_text("no picture")
    for line, words in ((f"--picture '{file}'", "no picture that we take"), ("--picture nowhere", "No such")):
        said = here.say(f"channel set demo {line}")
        assert (said.code, words in said.err) == (1 if "take" in words else 2, True), said.err


def test_what_is_to_come_in_local_time_or_any(here: Installation) -> None:
    here.fine("channel set demo --next-at '2027-12-24 18:00' --next-title Carols")
    here_at = datetime(2027, 12, 24, 18).astimezone()
    assert datetime.fromisoformat(str(told(here)["next_at"])) == here_at
    here.fine("channel set demo --next-at 2027-12-24T18:00+03:00")
    assert (told(here)["next_at"], told(here)["next_title"]) == ("2027-12-24T15:00:00.000+00:00", "Carols")
    assert "Carols\n" in here.fine("channel show demo").out
    here.fine("channel set demo --no-next")
    assert (told(here)["next_at"], told(here)["next_title"]) == (None, "")


def test_who_may_embed_it(here: Installation) -> None:
    here.fine("channel set demo --embed https://Example.org/ --embed https://*.example.net")
    assert told(here)["embed_sites"] == ["https://example.org", "https://*.example.net"]
    assert here.say("channel set demo --embed example.org").code == 1
    here.fine("channel set demo --no-embed")
    assert told(here)["embed_sites"] == []


@pytest.mark.parametrize(
    "line", ["--next-at tomorrow", "--picture a --no-picture", "--embed '*' --no-embed", "--next-at ''"]
)
def test_wrong_usage(line: str, here: Installation) -> None:
    said = here.say(f"channel set demo {line}")
    assert (said.code, said.out, "Traceback" in said.err) == (2, "", False)
