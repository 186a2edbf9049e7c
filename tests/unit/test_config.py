"""nginx's configuration, read by the real nginx."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from ingestd.accounts.model import SLUG
from ingestd.errors import StartError
from ingestd.nginx.config import NginxValues, find_rtmp_module, find_stream_module, render, resource

MODULE = find_rtmp_module("")
VALUES = NginxValues(
    directory=Path("/srv/nginx"),
    hls=Path("/srv/hls"),
    rtmp_module=Path("/usr/lib/nginx/modules/ngx_rtmp_module.so"),
    rtmp_listen="127.0.0.1:1935",
    rtmp_inner="127.0.0.1:18937",
    rtmp_relay="127.0.0.1:18939",
    rtmp_internal="127.0.0.1:1936",
    rtmp_publishers="127.0.0.1",
    callbacks="http://127.0.0.1:4000/internal/secret/rtmp",
    watch="http://127.0.0.1:4000/internal/secret/watch",
    hls_listen="127.0.0.1:8080",
    http_address="127.0.0.1:4000",
    segment_ms=1000,
)
TLS: dict[str, Any] = {
    "certificate": Path("/srv/nginx/tls.pem"),
    "rtmps_listen": "127.0.0.1:18938",
    "redirect_listen": "127.0.0.1:18940",
    "redirect_port": ":18080",
}
MONITORED = {"viewers": "127.0.0.1:4001", "viewers_tag": "tag", "stat_listen": "127.0.0.1:18938"}


def changed(field: str, value: Any) -> NginxValues:
    return replace(VALUES, **TLS | MONITORED | {field: value})


@pytest.mark.parametrize("more", [{}, TLS, MONITORED])
def test_every_name_of_the_template_is_filled_in(more: dict[str, Any]) -> None:
    text = render(replace(VALUES, **more))
    assert "{{" not in text
    assert "}}" not in text


def test_tls_and_rtmps_are_there_only_where_they_are_wanted() -> None:
    assert "ssl" not in render(VALUES)
    text = render(replace(VALUES, certificate=Path("/srv/nginx/tls.pem")))
    assert "listen 127.0.0.1:8080 ssl http2;" in text
    assert "listen 127.0.0.1:8080;" not in text
    assert "ssl_handshake_timeout" not in text


@pytest.mark.parametrize("field", [field.name for field in fields(NginxValues)])
def test_every_value_stands_in_the_configuration(field: str) -> None:
    kind = type(getattr(replace(VALUES, **TLS), field))
    mark = "31337" if kind is int else f"/mark-of-{field}"
    assert mark in render(changed(field, (mark,) if kind is tuple else mark))


@pytest.mark.parametrize("where", ["directory", "hls", "rtmp_module", "certificate", "stream_module"])
@pytest.mark.parametrize("character", list(" \t\n;{}\"'$\\#"))
def test_a_path_that_nginx_could_misread_is_refused(where: str, character: str) -> None:
    with pytest.raises(StartError, match="choose a path without blanks"):
        render(changed(where, Path(f"/srv/a{character}b")))


def test_a_path_with_other_letters_is_taken() -> None:
    assert "/srv/größe-1.0_x" in render(replace(VALUES, hls=Path("/srv/größe-1.0_x")))


@pytest.mark.skipif(MODULE is None, reason="nginx's rtmp module is not installed")
@pytest.mark.parametrize("listen", ["127.0.0.1:18080", "[::1]:18080"], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("more", [{}, TLS, MONITORED], ids=["plain", "tls", "monitored"])
def test_nginx_takes_the_configuration(tmp_path: Path, listen: str, more: dict[str, Any]) -> None:
    assert MODULE is not None
    directory, hls = tmp_path / "nginx", tmp_path / "hls"
    directory.mkdir()
    (hls / "private").mkdir(parents=True)
    values = replace(
        VALUES,
        directory=directory,
        hls=hls,
        rtmp_module=MODULE,
        stream_module=find_stream_module(),
        rtmp_listen="0.0.0.0:18935",
        rtmp_internal="127.0.0.1:18936",
        hls_listen=listen,
        **more,
    )
    config = directory / "nginx.conf"
    config.write_text(render(values))
    ended = subprocess.run(
        ["nginx", "-t", "-q", "-c", str(config), "-p", str(directory)],
        capture_output=True,
        timeout=60,
        check=False,
    )
    # an ordinary user's limit of descriptors, which ingestd raises for its nginx, is none of this test
    words = [line for line in ended.stderr.decode().splitlines() if "worker_connections" not in line]
    assert (ended.returncode, words) == (0, [])


def test_there_are_connections_for_viewers_and_for_all_publishers() -> None:
    """A publisher takes its own, both ends of the one within, and that of its relay."""
    assert VALUES.connections >= 4096 + 4 * VALUES.rtmp_of_all


def test_every_copy_says_what_a_channel_may_be_called_as_the_model_does() -> None:
    assert f"(?<channel>{SLUG.pattern})/" in render(VALUES)
    for page, field in (("admin.html", "user-name"), ("channels.html", "name")):
        text = resource(Path("web") / "src" / page).read_text()
        found = re.search(rf'<input id="{field}"[^>]* maxlength="64"[^>]* pattern="([^"]*)"', text)
        assert found
        # the length is the field's, and browsers read a pattern with the flag v, which wants \\-
        assert found[1].replace("\\-", "-").replace("*", "{0,62}").replace("(", "(?:") == SLUG.pattern


def test_a_configured_module_is_found_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("module.so").touch()
    assert find_rtmp_module("module.so") == tmp_path / "module.so"


def test_a_configured_module_that_is_not_there_is_not_replaced_by_another(tmp_path: Path) -> None:
    assert find_rtmp_module(str(tmp_path / "module.so")) is None


def test_shipped_files_are_found_in_a_checkout_and_else_below_the_prefix() -> None:
    assert resource(Path("nginx-rtmp") / "nginx.conf.template").is_file()
    assert resource(Path("not") / "there") == Path(sys.prefix) / "share" / "ingestd" / "not" / "there"
