"""What ingestd does not start with, and what it says to set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestd.cli.main import main, parser
from ingestd.cli.options import settings_of
from ingestd.safety import is_loopback, own_bind, rtmp_bind, unsafe
from ingestd.settings import Settings

TLS: dict[str, Any] = {"tls_certificate": Path("/c.pem"), "tls_key": Path("/k.pem")}


def made(rtmp: dict[str, Any] | None = None, **http: Any) -> Settings:
    return Settings.model_validate({"http": http, "rtmp": rtmp or {}})


def words(rtmp: dict[str, Any] | None = None, **http: Any) -> str | None:
    return unsafe(made(rtmp, **http))


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


@pytest.mark.parametrize("published", ["0.0.0.0", "[::]", "192.0.2.1"])
def test_in_a_container_it_is_the_published_address_that_takes_a_certificate(published: str) -> None:
    inside: dict[str, Any] = {"bind": "0.0.0.0", "published": published}
    said = words(**inside)
    assert said and "http.published = " in said and "INGESTD_LISTEN" in said and "http.bind" not in said
    assert words(**inside, insecure=True) is None
    assert words(**inside, **TLS) is None


@pytest.mark.parametrize("published", ["127.0.0.1", "[::1]"])
def test_what_is_published_for_this_machine_takes_nothing(published: str) -> None:
    assert words(bind="0.0.0.0", published=published) is None
    assert words({"bind": "0.0.0.0"}, bind="0.0.0.0", published=published) is None


@pytest.mark.parametrize("name", sorted(TLS))
def test_certificate_and_key_belong_together(name: str) -> None:
    said = words(**{name: TLS[name]})
    assert said and "set both" in said


def test_a_redirect_to_https_takes_a_certificate() -> None:
    said = words(redirect_port=80)
    assert said and "http.tls_certificate" in said
    assert words(redirect_port=80, **TLS) is None


def test_rtmps_takes_a_certificate() -> None:
    said = words({"tls_port": 1936}, insecure=True)
    assert said and "http.tls_certificate" in said
    assert words({"tls_port": 1936}, **TLS) is None


@pytest.mark.parametrize(
    ("http", "bind"),
    [
        ({}, "127.0.0.1"),
        ({"bind": "0.0.0.0", "insecure": True}, "0.0.0.0"),
        ({"bind": "0.0.0.0"} | TLS, "127.0.0.1"),
        ({"bind": "0.0.0.0", "insecure": True} | TLS, "0.0.0.0"),
    ],
)
def test_beside_an_nginx_with_a_certificate_ingestd_is_on_loopback(http: dict[str, Any], bind: str) -> None:
    assert own_bind(made(**http)) == bind


@pytest.mark.parametrize(
    ("rtmp", "http", "bind"),
    [
        ("", {}, "127.0.0.1"),
        ("", {"bind": "0.0.0.0", "insecure": True}, "0.0.0.0"),
        ("", {"bind": "0.0.0.0", **TLS}, "127.0.0.1"),
        ("", {"bind": "::1", **TLS}, "::1"),
        ("", {"bind": "0.0.0.0", "insecure": True, **TLS}, "0.0.0.0"),
        ("0.0.0.0", {"bind": "0.0.0.0", **TLS}, "0.0.0.0"),
        ("192.0.2.1", TLS, "192.0.2.1"),
    ],
)
def test_with_a_certificate_rtmp_without_it_is_public_only_where_that_is_said(
    rtmp: str, http: dict[str, Any], bind: str
) -> None:
    assert rtmp_bind(made({"bind": rtmp}, **http)) == bind


@pytest.mark.parametrize("http", [{}, {"bind": "0.0.0.0", "insecure": True}, {"bind": "0.0.0.0"} | TLS])
def test_for_an_nginx_elsewhere_ingestd_listens_where_that_one_asks(http: dict[str, Any]) -> None:
    settings = Settings.model_validate(
        {"http": http, "rtmp": {"host": "10.0.0.3"}, "nginx": {"upstream": "10.0.0.2"}}
    )
    assert own_bind(settings) == "10.0.0.2"
    assert unsafe(settings) is None


@pytest.mark.parametrize(("host", "upstream"), [("nginx", "10.0.0.2"), ("10.0.0.3", "ingestd")])
def test_an_nginx_elsewhere_and_ingestd_know_each_other_by_address(host: str, upstream: str) -> None:
    """nginx would look a name up once, and ``allow`` takes none."""
    said = unsafe(Settings.model_validate({"rtmp": {"host": host}, "nginx": {"upstream": upstream}}))
    assert said and "nginx.upstream" in said and "rtmp.host" in said
