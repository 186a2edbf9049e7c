"""``ingestd serve`` where programs read what it says: every line is JSON, also when it does not start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import structlog

from ingestd.accounts.installation import FirstStart
from ingestd.cli.main import main
from ingestd.cli.server import _note
from ingestd.log import configure
from ingestd.nginx.launch import Ports
from ingestd.settings import Settings
from ingestd.welcome import Addresses, discreet


def serve(data: Path, *words: str) -> int:
    return main(["serve", "--data-dir", str(data), *words])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--set", "hls.segment=99"], "hls.segment = 99, at flag --set hls.segment: not allowed"),
        (["--bind", "0.0.0.0"], "http.bind = '0.0.0.0' and rtmp.bind = '0.0.0.0': others could reach"),
        (["--nginx-config", "x"], "nginx and ingestd have to know each other's ports"),
    ],
)
def test_a_start_that_fails_is_a_line_of_json(
    words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serve(tmp_path / "data", *words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    last = [json.loads(line) for line in said.err.splitlines()][-1]
    assert (last["event"], last["level"]) == ("not_started", "error")
    assert reason in last["reason"]


def test_where_lines_are_for_people_so_is_what_stops_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = f"{tmp_path}/missing/nginx.conf"
    ports = [f"--set=rtmp.{name}_port={port}" for name, port in (("internal", 1940), ("relay", 1941))]
    assert serve(tmp_path, "--set", "log.style=console", "--nginx-config", nowhere, *ports) == 2
    assert capsys.readouterr().err.endswith(
        f"ingestd: {nowhere} cannot be written: No such file or directory.\n"
    )


@pytest.mark.parametrize("level", ["info", "error"])
def test_what_the_operator_waits_for_is_said_whatever_is_logged(
    level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("json", level)
    structlog.get_logger("ingestd.test").info("ready")
    addresses = Addresses(Settings(), 4000, Ports(8080, 1935, 1940, 1941), True)
    _note(discreet(addresses, FirstStart("admin", "pass"), "docker compose exec ingestd ingestd"))
    line = capsys.readouterr().err.splitlines()[-1]
    assert json.loads(line)["event"] == "welcome"
    for words in (
        "ingestd is ready: http://127.0.0.1:8080/ ",
        "Sign in at http://127.0.0.1:8080/sign-in as admin",
        "docker compose exec ingestd ingestd user password admin",
    ):
        assert words in line
