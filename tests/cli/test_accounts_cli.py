"""``ingestd user|channel|key|token|secret|audit``, as somebody types them and as scripts read them."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import pty
import re
import shlex
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import jwt
import pytest

from ingestd import log
from ingestd.accounts import accounts as accounts_module
from ingestd.accounts.accounts import Accounts
from ingestd.accounts.kind import NOTE, OTHER
from ingestd.accounts.model import Claims, Role, Session
from ingestd.cli import main as main_module
from ingestd.cli import password as password_module
from ingestd.cli import show
from ingestd.cli.main import main, parser
from ingestd.errors import Refusal
from ingestd.settings import Settings, keys
from tests.support.accounts import admin_password, cheap_passwords, key_of, make_channels, token_for

PASSWORD = "correct horse battery"
PATIENCE = 60.0  # seconds
PARSER = parser()

T = TypeVar("T")


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that cost nothing to hash, no settings from outside, and the process's logging as it is."""
    monkeypatch.setattr(accounts_module, "Passwords", cheap_passwords)
    for variable in ("INGESTD_CONFIG", *(f"INGESTD_{section}_{key}".upper() for section, key in keys())):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(log, "configure", lambda _style, _level: None)
    monkeypatch.setattr(main_module, "parser", lambda *_: PARSER)  # takes as long to make as most commands


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation as the first start makes it."""
    data = tmp_path_factory.mktemp("template") / "data"
    make_channels(data, [])
    return data


class Installation:
    """``say`` runs a command on it in this process; ``ask`` looks behind the commands."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.data, self._capsys, self._patch = data, capsys, patch

    def say(self, line: str, stdin: str = "") -> Said:
        self._patch.setattr(sys, "stdin", io.StringIO(stdin))
        words = shlex.split(line)
        try:
            code = main([*words, "--data-dir", str(self.data)])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = self._capsys.readouterr()
        return Said(code, said.out, said.err)

    def fine(self, line: str, stdin: str = "") -> Said:
        said = self.say(line, stdin)
        assert said.code == 0, said.err
        return said

    def ask(self, question: Callable[[Accounts], Awaitable[T]]) -> T:
        async def answer() -> T:
            accounts = await Accounts.open(Settings(), self.data)
            try:
                return await question(accounts)
            finally:
                await accounts.close()

        return asyncio.run(answer())

    def authenticates(self, name: str, password: str) -> bool:
        async def question(accounts: Accounts) -> bool:
            return await accounts.users.authenticate(name, password) is not None

        return self.ask(question)

    def channel_of(self, key: str) -> str | None:
        async def question(accounts: Accounts) -> str | None:
            found = accounts.directory.by_key(key)
            return found[0].name if found else None

        return self.ask(question)

    def read(self, token: str) -> Claims | Refusal:
        return self.ask(lambda accounts: accounts.tokens.read(token))

    def actions(self) -> list[str]:
        """What this command line did, the last first."""
        entries = self.fine("audit --json --limit 100").json["entries"]
        return [f"{entry['action']} {entry['subject']}" for entry in entries if entry["who"] == "cli"]


@pytest.fixture
def here(
    template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Installation:
    return Installation(shutil.copytree(template, tmp_path / "data"), capsys, monkeypatch)


def test_what_tests_begin_with(here: Installation) -> None:
    """The support for tests of running servers, beside which nothing else would try it without one."""
    data = here.data.with_name("many")
    made = make_channels(data, ["demo", "demo1", "c0"])
    here.data = data
    for name in ("demo", "demo1", "c0"):
        assert here.channel_of(made[name]) == name
        assert key_of(data, name) == made[name]
        claims = here.read(token_for(data, name))
        assert isinstance(claims, Claims)
        assert (claims.scope, claims.channel) == ("publish", name)
    assert here.authenticates("admin", admin_password(data))


# People


def test_a_user_from_the_first_day_to_the_last(here: Installation) -> None:
    here.fine("user create alice --password-stdin", PASSWORD + "\n")
    assert here.authenticates("alice", PASSWORD)
    here.fine("user password alice --password-stdin", "another " + PASSWORD)
    assert not here.authenticates("alice", PASSWORD)
    assert here.authenticates("alice", "another " + PASSWORD)
    here.fine("user role alice admin")
    here.fine("user disable alice")
    (alice,) = (user for user in here.fine("user list --json").json["users"] if user["name"] == "alice")
    assert (alice["role"], alice["disabled"]) == ("admin", True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", alice["created_at"])
    assert not here.authenticates("alice", "another " + PASSWORD)
    here.fine("user enable alice")
    assert here.authenticates("alice", "another " + PASSWORD)
    here.fine("user delete alice")
    assert [user["name"] for user in here.fine("user list --json").json["users"]] == ["admin"]
    did = ["delete", "enable", "disable", "role", "password", "create"]
    assert here.actions() == [f"user.{action} user:alice" for action in did]


def test_the_table_of_users(here: Installation) -> None:
    here.fine("user create a-name-that-is-wide --password-stdin --role admin", PASSWORD)
    here.fine("user disable a-name-that-is-wide")
    said = here.fine("user list")
    assert re.fullmatch(
        r"NAME {17}ROLE   STATE     CREATED\n"
        r"a-name-that-is-wide {2}admin  disabled  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n"
        r"admin {16}admin  enabled   \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n",
        said.out,
    )
    assert said.err == ""


def test_somebody_is_signed_out_here_and_everywhere(here: Installation) -> None:
    async def sign_in(accounts: Accounts) -> list[Session]:
        admin = await accounts.users.get("admin")
        assert admin
        opened = [await accounts.sessions.open(admin, f"browser {turn}", "192.0.2.1") for turn in range(3)]
        return [session for _, session in opened]

    opened = here.ask(sign_in)
    here.fine("user create alice --password-stdin", PASSWORD)
    table = here.fine("user sessions admin").out
    assert all(one.id in table and one.device in table for one in opened) and "192.0.2.1" in table
    assert here.say(f"user sign-out alice --session {opened[0].id}").code == 1
    here.fine(f"user sign-out admin --session {opened[0].id}")
    left = here.fine("user sessions admin --json").json["sessions"]
    assert {one["id"] for one in left} == {one.id for one in opened[1:]}
    assert set(left[0]) == {"id", "device", "address", "created_at", "last_used_at"}
    here.fine("user sign-out admin")
    assert here.fine("user sessions admin --json").json == {"sessions": []}
    assert here.say("user sign-out nobody").code == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def typing(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Somebody at a terminal who answers so; what they are asked."""
    asked: list[str] = []
    given = iter(answers)

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        try:
            return next(given)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr(password_module, "getpass", getpass)
    monkeypatch.setattr(sys, "stdin", Terminal())
    return asked


def create_at_a_terminal(here: Installation) -> int:
    return main(["user", "create", "bob", "--data-dir", str(here.data)])


def test_a_password_is_asked_for_twice(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = typing(monkeypatch, PASSWORD, PASSWORD)
    assert create_at_a_terminal(here) == 0
    assert asked == ["New password for bob: ", "The same again: "]
    assert here.authenticates("bob", PASSWORD)


@pytest.mark.parametrize("answers", [(PASSWORD, PASSWORD + "x"), (PASSWORD,), ()])
def test_a_slip_of_the_finger_makes_nobody(
    answers: tuple[str, ...], here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, *answers)
    assert create_at_a_terminal(here) == 2
    assert "bob" not in here.fine("user list").out


def test_nobody_is_asked_for_the_password_of_a_user_that_cannot_be_made(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = typing(monkeypatch)
    assert main(["user", "create", "admin", "--data-dir", str(here.data)]) == 1
    assert main(["user", "password", "bob", "--data-dir", str(here.data)]) == 1
    assert asked == []


def test_without_a_terminal_it_says_how(here: Installation) -> None:
    said = here.say("user create bob")
    assert said.code == 2
    assert "--password-stdin" in said.err


def test_a_password_is_never_an_argument(here: Installation) -> None:
    for line in (f"user create bob --password '{PASSWORD}'", f"user create bob --password='{PASSWORD}'"):
        assert here.say(line, PASSWORD).code == 2


def test_a_terminal_does_not_show_the_password(here: Installation) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ingestd", "user", "create", "bob", "--data-dir", str(here.data)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    for prompt in (b"New password for bob: ", b"The same again: "):
        while prompt not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, PASSWORD.encode() + b"\n")
    while b"bob can sign in now" not in shown:
        shown += os.read(ours, 1000)
    assert process.wait(PATIENCE) == 0
    os.close(ours)
    assert PASSWORD.encode() not in shown
    assert here.authenticates("bob", PASSWORD)


# Channels


def test_a_channel_from_the_first_day_to_the_last(here: Installation) -> None:
    for name in ("alice", "bob"):
        here.fine(f"user create {name} --password-stdin", PASSWORD)
    here.fine("channel create news --title 'The news' --description 'Of today' --private --owner alice")
    here.fine("channel allow news bob")
    told = here.fine("channel show news --json").json
    assert told == {
        "channel": "news",
        "title": "The news",
        "description": "Of today",
        "private": True,
        "record": False,
        "owner": "alice",
        "publishers": ["bob"],
        "picture": False,
        "next_at": None,
        "next_title": "",
        "embed_sites": [],
        "last_live_at": None,
        "keys": [],
    }
    here.fine("channel set news --title 'Old news' --public --record --owner bob")
    here.fine("channel forbid news bob")
    told |= {"title": "Old news", "private": False, "record": True, "owner": "bob", "publishers": []}
    assert here.fine("channel show news --json").json == told
    here.fine("channel set news --no-record --description ''")
    told |= {"record": False, "description": ""}
    assert here.fine("channel show news --json").json == told
    listed = here.fine("channel list --json").json["channels"]
    assert [one["channel"] for one in listed] == ["demo", "news"]
    assert listed[1] | {"keys": []} == told
    here.fine("channel delete news")
    assert [one["channel"] for one in here.fine("channel list --json").json["channels"]] == ["demo"]
    assert "channel.delete channel:news" in here.actions()


def test_tables_of_channels(here: Installation) -> None:
    here.fine("channel create news --private --record")
    assert here.fine("channel list").out == (
        "CHANNEL  TITLE  OWNER  ACCESS   RECORDED  PUBLISHERS\n"
        "demo     Demo   -      public   no        -\n"
        "news     news   -      private  yes       -\n"
    )
    key = here.fine("key create news --label OBS").out.strip()
    shown = here.fine("channel show news").out
    assert shown.startswith("Channel      news\nTitle        news\nDescription  -\n")
    assert "KEY ID " in shown
    assert " OBS " in shown
    assert key not in shown


def test_an_owner_that_nobody_knows_leaves_no_channel_behind(here: Installation) -> None:
    assert here.say("channel create news --owner alcie").code == 1
    assert "news" not in here.fine("channel list").out


# Keys


def test_a_key_is_all_that_goes_to_stdout_and_is_shown_once(here: Installation) -> None:
    said = here.fine("key create demo --label obs")
    key = said.out.removesuffix("\n")
    assert re.fullmatch(r"[\w-]{32}", key)
    assert here.channel_of(key) == "demo"
    made = here.fine("key list demo --json").json["keys"][-1]
    assert made["label"] == "obs"
    assert made["last_used_at"] is made["last_used_from"] is None
    assert made["id"] in said.err
    for line in ("key list demo", "key list demo --json", "audit", "channel show demo"):
        assert key not in here.fine(line).out


def test_a_regenerated_key_replaces_the_old_one(here: Installation) -> None:
    old = here.fine("key create demo --label obs").out.strip()
    made = here.fine("key list demo --json").json["keys"][-1]
    said = here.fine(f"key regenerate {made['id']}")
    new = said.out.strip()
    assert (here.channel_of(old), here.channel_of(new)) == (None, "demo")
    assert [one["label"] for one in here.fine("key list demo --json").json["keys"]][-1] == "obs"


def test_a_revoked_key_is_worthless(here: Installation) -> None:
    key = here.fine("key create demo").out.strip()
    identity = here.fine("key list demo --json").json["keys"][-1]["id"]
    said = here.fine(f"key revoke {identity}")
    assert said.out == ""
    assert here.channel_of(key) is None
    assert identity not in here.fine("key list demo").out


# Tokens and what signs them


def test_a_token_is_all_that_goes_to_stdout(here: Installation) -> None:
    before = int(time.time())
    said = here.fine("token create --channel demo --scope watch --lifetime 2h")
    claims = here.read(said.out.removesuffix("\n"))
    assert isinstance(claims, Claims)
    assert (claims.scope, claims.channel, claims.user) == ("watch", "demo", None)
    assert before + 7200 <= claims.expires_at <= time.time() + 7200
    assert claims.id in said.err
    assert "token.create channel:demo" in here.actions()
    assert claims.id in here.fine("audit --limit 1").out
    assert said.out.strip() not in said.err + here.fine("audit").out


def test_a_token_for_publishing_lasts_as_the_settings_say(here: Installation) -> None:
    token = here.fine("token create --channel demo --set ingest.token_lifetime=100").out.strip()
    claims = here.read(token)
    assert isinstance(claims, Claims)
    assert claims.scope == "publish"
    assert 90 < claims.expires_at - time.time() <= 100


def test_a_token_may_stand_for_a_user(here: Installation) -> None:
    claims = here.read(here.fine("token create --channel demo --user admin").out.strip())
    assert isinstance(claims, Claims)
    assert claims.user == here.ask(lambda accounts: accounts.users.get("admin")).id  # type: ignore[union-attr]


def test_a_token_gives_no_right_to_who_has_none(here: Installation) -> None:
    here.fine("user create alice --password-stdin", PASSWORD)
    for scope in ("watch", "publish"):
        said = here.say(f"token create --channel demo --scope {scope} --user alice")
        assert (said.code, said.out) == (1, "")
        assert "may not publish there" in said.err


def test_an_admin_token_is_for_everything(here: Installation) -> None:
    claims = here.read(here.fine("token create --scope admin").out.strip())
    assert isinstance(claims, Claims)
    assert (claims.scope, claims.channel) == ("admin", None)


@pytest.mark.parametrize("by", ["id", "stdin"])
def test_a_revoked_token_is_worthless(by: str, here: Installation) -> None:
    token = here.fine("token create --channel demo --lifetime 1d").out.strip()
    jti = jwt.decode(token, options={"verify_signature": False})["jti"]
    said = here.fine(f"token revoke {jti}") if by == "id" else here.fine("token revoke -", token + "\n")
    assert jti in said.err
    assert token not in said.err + said.out
    assert isinstance(here.read(token), Refusal)
    assert "token.revoke channel:demo" in here.actions()
    assert jti in here.fine("audit --limit 1").out


def test_what_is_no_token_cannot_be_revoked(here: Installation) -> None:
    assert here.say("token revoke -", "rubbish\n").code == 1


@pytest.mark.parametrize("text", ["1", "90s", "15m", "1h", "7d", "4w"])
def test_lifetimes(text: str, here: Installation) -> None:
    seconds = {"1": 1, "90s": 90, "15m": 900, "1h": 3600, "7d": 604800, "4w": 2419200}[text]
    token = here.fine(f"token create --scope admin --lifetime {text}").out.strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == seconds


def test_tokens_survive_one_rotation_and_not_two(here: Installation) -> None:
    old = here.fine("token create --channel demo").out.strip()
    here.fine("secret rotate")
    new = here.fine("token create --channel demo").out.strip()
    assert all(isinstance(here.read(token), Claims) for token in (old, new))
    here.fine("secret rotate")
    assert isinstance(here.read(old), Refusal)
    assert isinstance(here.read(new), Claims)
    assert here.actions().count("secret.rotate secret") == 2
    for name in ("secret", "secret.previous"):
        assert stat.S_IMODE((here.data / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["secret", "previous_secret"])
def test_a_secret_of_the_settings_is_not_ours_to_rotate(
    name: str, here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (here.data / "secret").read_text()
    monkeypatch.setenv(f"INGESTD_AUTH_{name.upper()}", "0123456789abcdefghijklmnopqrstuvwxyz")
    said = here.say("secret rotate")
    assert said.code == 2
    assert f"auth.{name}" in said.err
    assert (here.data / "secret").read_text() == before


# The audit log


def test_the_audit_log_of_one_channel(here: Installation) -> None:
    here.fine("channel create news")
    here.fine("channel set demo --title Another")
    entries = here.fine("audit --json --channel news").json["entries"]
    assert [(entry["action"], entry["subject"]) for entry in entries] == [("channel.create", "channel:news")]
    assert here.fine("audit --json --channel no-such").json["entries"] == []


def test_the_audit_log_is_read_page_by_page(here: Installation) -> None:
    for title in ("one", "two", "three"):
        here.fine(f"channel set demo --title {title}")
    entries = here.fine("audit --json").json["entries"]
    assert [entry["action"] for entry in entries[:3]] == ["channel.update"] * 3
    assert set(entries[0]) == {"id", "at", "who", "action", "subject", "address", "detail"}
    page = here.fine(f"audit --json --limit 1 --before {entries[0]['id']}").json["entries"]
    assert page == entries[1:2]
    table = here.fine("audit --limit 1").out.splitlines()
    assert table[0].split() == ["ID", "TIME", "WHO", "ACTION", "SUBJECT", "FROM", "DETAIL"]
    assert f"{entries[0]['id']} " in table[1]
    assert " cli " in table[1]
    assert len(table) == 2


# Where it works, and where not


def test_a_daemon_that_runs_notices(here: Installation) -> None:
    async def watch() -> None:
        accounts = await Accounts.open(Settings(), here.data)
        changed = asyncio.Event()
        accounts.watch(changed.set)
        await accounts.start()
        try:
            await asyncio.to_thread(here.fine, "channel create news")
            async with asyncio.timeout(PATIENCE):
                while "news" not in accounts.directory.channels:
                    changed.clear()
                    await changed.wait()
        finally:
            await accounts.close()

    asyncio.run(watch())


@pytest.mark.parametrize("there", ["nothing", "an empty directory"])
def test_a_slip_in_the_path_makes_no_installation(there: str, here: Installation) -> None:
    here.data = here.data.with_name("dtaa")
    if there != "nothing":
        here.data.mkdir()
    said = here.say("user list")
    assert said.code == 2
    assert f"no installation in {here.data}" in said.err
    assert "--data-dir" in said.err
    assert not here.data.exists() or not list(here.data.iterdir())


def test_another_user_is_told_whose_it_is(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: here.data.stat().st_uid + 1)
    before = sorted(path.name for path in here.data.iterdir())
    said = here.say("user list")
    assert said.code == 2
    assert "belongs to the user" in said.err
    assert "sudo -u" in said.err
    assert "Traceback" not in said.err
    assert sorted(path.name for path in here.data.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_directory_that_cannot_be_entered(here: Installation) -> None:
    here.data.parent.chmod(0)
    try:
        said = here.say("user list")
    finally:
        here.data.parent.chmod(0o755)
    assert said.code == 2
    assert "cannot be used" in said.err


def contents(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in data.iterdir() if path.is_file()}


@pytest.mark.parametrize("line", ["user list", "key create demo", "secret rotate", "backup -"])
@pytest.mark.parametrize("noted", [True, False], ids=["noted", "of an older ingestd"])
def test_no_command_makes_a_database(here: Installation, line: str, noted: bool) -> None:
    for path in here.data.glob("ingestd.db*"):
        path.unlink()
    if not noted:
        (here.data / NOTE).unlink()
    before = contents(here.data)
    said = here.say(line)
    assert said.code == 2 and said.out == ""
    assert f"The database {here.data}/ingestd.db is missing" in said.err
    assert contents(here.data) == before, "demo.key is still that of the installation"


def test_a_command_that_does_not_see_the_address_of_the_database_says_so(here: Installation) -> None:
    """As where it is a credential of the service's."""
    (here.data / NOTE).write_text(OTHER)
    before = contents(here.data)
    for line in ("user list", "backup -"):
        said = here.say(line)
        assert (said.code, said.out) == (2, "")
        assert "database.url is not set here" in said.err and "credentials" in said.err
    assert contents(here.data) == before


def test_nothing_but_warnings_is_logged(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What logs before logging is set up would go to stdout, into KEY=$(…)."""
    configured: list[tuple[str, str]] = []
    monkeypatch.setattr(log, "configure", lambda *how: configured.append(how))
    here.fine("user list --set log.style=json")
    assert configured == [("json", "warning")]


@pytest.mark.parametrize(
    "line",
    [
        "user create admin --password-stdin",
        "user create Bob --password-stdin",
        "user password bob --password-stdin",
        "user role bob admin",
        "user role admin broadcaster",
        "user disable admin",
        "user delete bob",
        "channel show news",
        "channel create demo",
        "channel create ../../etc",
        "channel set news --title T",
        "channel set demo --title ''",
        "channel set demo --owner bob",
        "channel delete news",
        "channel allow demo bob",
        "channel allow news admin",
        "channel forbid demo bob",
        "key list news",
        "key create news",
        "key revoke 0123456789abcdef",
        "key regenerate ../../etc",
        "token create --channel news",
        "token create --channel demo --user bob",
        "token create --channel demo --lifetime 1000w",
    ],
)
def test_what_is_refused_says_why_in_one_line(line: str, here: Installation) -> None:
    said = here.say(line, PASSWORD)
    assert said.code == 1
    assert re.fullmatch(r"ingestd: .+\.\n", said.err)
    assert said.out == ""


def test_a_password_that_is_too_short(here: Installation) -> None:
    said = here.say("user create bob --password-stdin", "short\n")
    assert said.code == 1
    assert "short\n" not in said.err
    assert "bob" not in here.fine("user list").out


@pytest.mark.parametrize(
    "line",
    [
        *("user", "user create", "user role admin king", "user create bob --role king --password-stdin"),
        *("channel set demo", "channel set demo --private --public", "channel allow demo"),
        *("key create", "key revoke", "secret", "secret rotate now", "audit --limit 0", "audit --before x"),
        *("token create", "token create --scope watch", "token create --scope admin --channel demo"),
        *(
            f"token create --scope admin --lifetime {text}"
            for text in ("0", "1y", "-1h", "1.5h", "''", "inf")
        ),
        *("user list --set nothing=1", "token create --scope everything"),
    ],
)
def test_wrong_usage(line: str, here: Installation) -> None:
    said = here.say(line)
    assert said.code == 2
    assert said.out == ""
    assert "Traceback" not in said.err


# What it looks like


def test_nothing_of_other_people_commands_the_terminal(here: Installation) -> None:
    here.fine("channel set demo --title 'a\N{RIGHT-TO-LEFT OVERRIDE}b' --description 'one\ntwo'")
    shown = here.fine("channel show demo").out
    assert "a\N{REPLACEMENT CHARACTER}b" in shown
    assert "one two" in shown
    assert show.plain("\x1b[31mred\x9b\x07") == "\ufffd[31mred\ufffd\ufffd"


def test_a_terminal_without_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii", write_through=True))
    show.table(["TITLE"], [["Grüße"]])
    assert out.getvalue() == b"TITLE\nGr??e\n"


def leaves(command: argparse.ArgumentParser, *words: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from leaves(inner, *words, name)
            return
    yield " ".join(words), command


OURS = ("user", "channel", "key", "token", "secret", "audit")
LEAVES = {words: leaf for words, leaf in leaves(PARSER) if words.split()[0] in OURS}


def test_every_command_is_there() -> None:
    assert list(LEAVES) == [
        *(f"user {name}" for name in ("list", "create", "password", "sessions", "sign-out")),
        *(f"user {name}" for name in ("role", "disable", "enable", "delete")),
        *(f"channel {name}" for name in ("list", "show", "create", "set", "delete", "allow", "forbid")),
        *(f"key {name}" for name in ("list", "create", "regenerate", "revoke")),
        *("token create", "token revoke", "secret rotate", "audit"),
    ]


@pytest.mark.parametrize("words", LEAVES)
def test_help_teaches_by_examples_that_work(words: str) -> None:
    shown = LEAVES[words].format_help()
    _, _, examples = shown.partition("examples:\n")
    commands = re.findall(r"ingestd ([^|&<)\n]+)", examples)
    assert any(command.startswith(words) for command in commands)
    for command in commands:
        PARSER.parse_args(shlex.split(command))
    assert "exit codes:" in shown
    assert "--data-dir" in shown
    assert "--http-port" not in shown
    assert max(map(len, shown.splitlines())) <= 110


def test_roles_are_the_ones_there_are() -> None:
    assert all(role.value in LEAVES["user role"].format_help() for role in Role)
