"""Where people and their encoders are sent, and what the operator reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestd.accounts.installation import FirstStart
from ingestd.nginx.launch import Ports
from ingestd.settings import Settings
from ingestd.welcome import Addresses, discreet, welcome

TLS: dict[str, Any] = {"bind": "0.0.0.0", "tls_certificate": Path("/c.pem"), "tls_key": Path("/k.pem")}


def addresses(rtmp: dict[str, Any] | None = None, own_nginx: bool = True, **http: Any) -> Addresses:
    settings = Settings.model_validate({"http": http, "rtmp": rtmp or {}})
    return Addresses(settings, 4000, Ports(8080, 1935, 1940, 1941), own_nginx)


@pytest.mark.parametrize(
    ("http", "page"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"bind": "0.0.0.0", "insecure": True}, "http://127.0.0.1:8080"),
        ({"bind": "::1"}, "http://[::1]:8080"),
        ({"bind": "0.0.0.0", "published": "192.0.2.1"}, "http://192.0.2.1:8080"),
        ({"bind": "0.0.0.0", "published": "[::]"}, "http://[::1]:8080"),
        (TLS | {"public_host": "tv.example.org"}, "https://tv.example.org:8080"),
    ],
)
def test_people_begin_at_nginx(http: dict[str, Any], page: str) -> None:
    assert addresses(**http).page == page


@pytest.mark.parametrize(
    ("http", "port", "page"), [({}, 80, "http://h"), (TLS, 443, "https://h"), (TLS, 80, "https://h:80")]
)
def test_a_port_that_goes_without_saying_is_not_said(http: dict[str, Any], port: int, page: str) -> None:
    settings = Settings.model_validate({"http": http | {"public_host": "h"}})
    assert Addresses(settings, 4000, Ports(port, 1935, 1940, 1941), True).page == page


def test_without_our_nginx_they_begin_with_us() -> None:
    assert addresses(own_nginx=False, **TLS).page == "http://127.0.0.1:4000"


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0", "192.0.2.1"])
def test_a_page_is_told_a_host_for_encoders_only_if_one_was_named(bind: str) -> None:
    assert addresses(bind=bind).rtmp.host is None
    assert addresses(bind=bind, public_host="tv.example.org").rtmp.host == "tv.example.org"
    assert addresses(bind=bind, public_host="2001:db8::1").rtmp.host == "[2001:db8::1]"


@pytest.mark.parametrize(
    ("rtmp", "http", "local", "obs"),
    [
        ({}, {}, True, "rtmp://127.0.0.1:1935/live"),
        (
            {},
            TLS,
            True,
            "rtmp://127.0.0.1:1935/live (this machine only; rtmp.tls_port=1936 is RTMPS for others)",
        ),
        ({"tls_port": 1936}, TLS | {"public_host": "h"}, True, "rtmps://h:1936/live"),
        (
            {"bind": "0.0.0.0"},
            TLS | {"public_host": "h"},
            False,
            "rtmp://h:1935/live (without TLS: stream keys can be read on the way)",
        ),
        (
            {},
            {"bind": "0.0.0.0", "insecure": True, "public_host": "h"},
            False,
            "rtmp://h:1935/live (without TLS: stream keys can be read on the way)",
        ),
    ],
)
def test_who_reaches_rtmp_and_who_can_read_it_is_said(
    rtmp: dict[str, Any], http: dict[str, Any], local: bool, obs: str
) -> None:
    made = addresses(rtmp, **http)
    assert (made.rtmp.local, made.obs) == (local, obs)
    assert f"  OBS       {obs}\n" in welcome(made, "demo", "", None)


def test_programs_on_this_machine_are_sent_to_where_something_listens() -> None:
    made = addresses(**TLS, public_host="tv.example.org").ready("demo", "key", "token")
    assert (made["http"], made["rtmp"]) == ("http://127.0.0.1:4000", "rtmp://127.0.0.1:1935/live")
    assert made["hls"] == "https://tv.example.org:8080"


def test_the_secret_and_the_password_are_told_where_there_are_any() -> None:
    said = welcome(addresses(), "demo", "streamKey=k", FirstStart("admin", "pass"))
    assert "/broadcast#streamKey=k\n" in said and "as admin, password pass\n" in said
    said = welcome(addresses(), "demo", "", None)
    assert "/broadcast\n" in said and "password" not in said and "secret" not in said


def test_a_journal_is_told_where_to_get_a_password_and_no_secret() -> None:
    link = addresses().page
    assert discreet(addresses(), FirstStart("admin", "pass")).endswith(
        f"{link}/sign-in as admin; first give it a password: ingestd user password admin"
    )
    assert discreet(addresses(), None) == f"ingestd is ready: {link}/"
    said = discreet(addresses(), FirstStart("admin", "pass"), "docker exec it ingestd")
    assert said.endswith(": docker exec it ingestd user password admin")
