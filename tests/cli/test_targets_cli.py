"""``ingestd target``: other places that a channel is pushed to."""

from __future__ import annotations

import pytest

from ingestd.accounts.accounts import Accounts
from ingestd.cli import targets as module
from ingestd.cli.main import main
from tests.cli import test_accounts_cli as accounts_cli
from tests.cli.test_accounts_cli import Installation, Terminal

__all__ = ["_quick", "here", "template"]

_quick, here, template = accounts_cli._quick, accounts_cli.here, accounts_cli.template

URL = "rtmp://93.184.216.34/live"
KEY = "their-secret-key"


def added(here: Installation, channel: str = "demo") -> str:
    """The id of a new target."""
    here.fine(f"target add {channel} {URL} --rendition 480p --key-stdin", KEY + "\n")
    return str(here.fine(f"target list {channel} --json").json["targets"][-1]["id"])


def secret(here: Installation, target: str) -> str:
    async def question(accounts: Accounts) -> str:
        return accounts.targets.secret(target)

    return here.ask(question)


def test_a_target_from_the_first_day_to_the_last(here: Installation) -> None:
    made = added(here)
    assert secret(here, made) == KEY
    (told,) = here.fine("target list demo --json").json["targets"]
    assert told == {"id": made, "url": URL, "rendition": "480p", "enabled": True} | {
        "created_at": told["created_at"]
    }
    here.fine(f"target set demo {made} --rendition 360p --off")
    here.fine(f"target set demo {made} --url {URL}/other --key-stdin", "another key\n")
    (told,) = here.fine("target list demo --json").json["targets"]
    assert (told["url"], told["rendition"], told["enabled"]) == (f"{URL}/other", "360p", False)
    assert secret(here, made) == "another key"
    here.fine(f"target set demo {made} --on")
    lines = here.fine("target list demo").out.splitlines()
    assert lines[0].split() == ["ID", "ADDRESS", "RENDITION", "PUSHED", "CREATED"]
    assert lines[1].split()[:4] == [made, f"{URL}/other", "360p", "yes"]
    here.fine(f"target remove demo {made}")
    assert here.fine("target list demo --json").json["targets"] == []
    did = ["delete", "update", "update", "update", "create"]
    assert here.actions() == [f"target.{action} channel:demo" for action in did]


def test_the_key_is_never_shown_and_never_an_argument(here: Installation) -> None:
    made = added(here)
    for line in ("target list demo", "target list demo --json", "audit", f"target set demo {made} --off"):
        said = here.fine(line)
        assert KEY not in said.out + said.err
    for line in (f"add demo {URL} --key {KEY}", f"add demo {URL} {KEY}", f"set demo {made} --key={KEY}"):
        assert here.say(f"target {line}", KEY).code == 2


@pytest.mark.parametrize("command", ["add", "set --key", "set --url"])
def test_it_is_asked_for_at_the_terminal(
    command: str, here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, asked = added(here), []

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        return "typed"

    monkeypatch.setattr(module, "getpass", getpass)
    monkeypatch.setattr("sys.stdin", Terminal())
    word, _, more = command.partition(" ")
    words = ["add", "demo", URL] if word == "add" else ["set", "demo", made, more]
    words += [f"{URL}/other"] if more == "--url" else []
    assert main(["target", *words, "--data-dir", str(here.data)]) == 0
    assert asked == ["Stream key there: "]
    newest = here.fine("target list demo --json").json["targets"][-1]["id"]
    assert secret(here, newest) == "typed"


def test_nobody_is_asked_for_the_key_of_what_cannot_be_made(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getpass(_prompt: str) -> str:
        raise AssertionError("asked")

    monkeypatch.setattr(module, "getpass", getpass)
    monkeypatch.setattr("sys.stdin", Terminal())
    assert main(["target", "add", "nowhere", URL, "--data-dir", str(here.data)]) == 1
    assert main(["target", "add", "demo", "http://x", "--data-dir", str(here.data)]) == 1


def test_without_a_terminal_it_says_how(here: Installation) -> None:
    said = here.say(f"target add demo {URL}")
    assert said.code == 2 and "--key-stdin" in said.err


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("add demo rtmp://127.0.0.1/live --key-stdin", 1, "push.allow"),
        ("add demo rtmp://a..b/live --key-stdin", 1, "names no host"),
        ("add nowhere {url} --key-stdin", 1, "no channel of that name"),
        ("add demo {url} --key-stdin --rendition ''", 1, "rendition"),
        ("set demo {made} --url rtmp://10.0.0.1/live --key-stdin", 1, "push.allow"),
        ("set demo {made}", 2, "nothing to change"),
        ("set other {made} --off", 1, "no target"),
        ("remove other {made}", 1, "no target"),
        ("remove demo 0123456789abcdef", 1, "no target"),
        ("list nowhere", 1, "no channel of that name"),
    ],
)
def test_what_cannot_be_done_changes_nothing(line: str, code: int, words: str, here: Installation) -> None:
    here.fine("channel create other")
    made = added(here)
    before = here.fine("target list demo --json").json
    said = here.say(f"target {line.format(url=URL, made=made)}", "k\n")
    assert said.code == code and words in said.err.lower()
    assert here.fine("target list demo --json").json == before
    assert secret(here, made) == KEY


def test_an_empty_key_is_none(here: Installation) -> None:
    said = here.say(f"target add demo {URL} --key-stdin", "\n")
    assert said.code == 1 and "empty" in said.err
    assert here.fine("target list demo --json").json["targets"] == []


def test_the_operator_makes_exceptions(here: Installation) -> None:
    here.fine("target add demo rtmp://127.0.0.1/live --key-stdin --set 'push.allow=[\"127.0.0.1\"]'", KEY)
