"""What ingestd does not start with, and what it says to set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestd.cli.main import main, parser
from ingestd.cli.options import settings_of
from ingestd.safety import is_loopback, unsafe
from ingestd.settings import Settings

TLS: dict[str, Any] = {"tls_certificate": Path("/c.pem"), "tls_key": Path("/k.pem")}


def words(rtmp: dict[str, Any] | None = None, **http: Any) -> str | None:
    return unsafe(Settings.model_validate({"http": http, "rtmp": rtmp or {}}))


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "", "192.0.2.1", "tv.example.org"])
def test_a_public_address_takes_a_certificate_or_a_word(bind: str) -> None:
    said = words(bind=bind)
    assert said and "http.tls_certificate" in said and "--insecure" in said and "http.bind" in said
    assert words(bind=bind, insecure=True) is None
    assert words(bind=bind, **TLS) is None


@pytest.mark.parametrize("command", ["up", "serve"])
def test_the_command_line_refuses_and_says_what_to_do(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--bind", "0.0.0.0", "--data-dir", str(tmp_path / "data")]) == 2
    assert "--insecure" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_the_flag_is_the_setting() -> None:
    for words, insecure in ((["--insecure"], True), ([], False)):
        assert settings_of(parser().parse_args(["up", *words])).http.insecure is insecure


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_takes_nothing(bind: str) -> None:
    assert is_loopback(bind)
    assert words(bind=bind) is None


def test_stream_keys_over_rtmp_are_secrets_as_well() -> None:
    said = words({"bind": "0.0.0.0"})
    assert said and "rtmp.bind = '0.0.0.0'" in said and "http.bind =" not in said
    assert words({"bind": "127.0.0.1"}, bind="0.0.0.0", insecure=True) is None


@pytest.mark.parametrize("name", sorted(TLS))
def test_certificate_and_key_belong_together(name: str) -> None:
    said = words(**{name: TLS[name]})
    assert said and "set both" in said


def test_rtmps_takes_a_certificate() -> None:
    said = words({"tls_port": 1936}, insecure=True)
    assert said and "http.tls_certificate" in said
    assert words({"tls_port": 1936}, **TLS) is None
