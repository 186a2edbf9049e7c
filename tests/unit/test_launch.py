"""nginx's configuration as the settings ask for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestd.cli.nginx_config import configuration
from ingestd.nginx.config import find_rtmp_module
from ingestd.nginx.launch import Launch, Ports
from ingestd.settings import Settings

PORTS: dict[str, Any] = {"internal_port": 1940, "relay_port": 1941}
TAKEN = Ports(8080, 1935, 1940, 1941, 1942)


def written(data: Path, rtmp: dict[str, Any], **sections: dict[str, Any]) -> list[str]:
    """Its directives."""
    settings = Settings.model_validate({"data": {"dir": data}, "rtmp": PORTS | rtmp, **sections})
    return [line.strip() for line in configuration(settings).splitlines()]


def of_rtmp(lines: list[str], application: str) -> list[str]:
    begin = lines.index(f"application {application} {{")
    return [line for line in lines[begin : lines.index("}", begin)] if line.startswith(("allow", "deny"))]


@pytest.mark.skipif(find_rtmp_module("") is None, reason="nginx's rtmp module is not installed")
def test_on_one_machine_what_is_between_the_two_is_on_loopback(tmp_path: Path) -> None:
    lines = written(tmp_path, {}, nginx={"stat_port": 1942})
    for port in (1940, 1941, 1942):
        assert f"listen 127.0.0.1:{port};" in lines
    assert of_rtmp(lines, "renditions") == ["allow publish 127.0.0.1;", "deny publish all;", "deny play all;"]
    assert of_rtmp(lines, "live") == ["allow publish all;", "allow play 127.0.0.1;", "deny play all;"]


def test_with_an_nginx_elsewhere_it_is_on_a_network_and_for_ingestd_alone(tmp_path: Path) -> None:
    """Its modules are where Debian puts them: nobody can look for them from here."""
    lines = written(
        tmp_path,
        {"host": "10.0.0.3"},
        nginx={"upstream": "10.0.0.2", "stat_port": 1942},
        http={"bind": "0.0.0.0", "insecure": True},
    )
    for port in (1940, 1941, 1942):
        assert f"listen 10.0.0.3:{port};" in lines
    assert of_rtmp(lines, "renditions") == ["allow publish 10.0.0.2;", "deny publish all;", "deny play all;"]
    assert of_rtmp(lines, "live") == ["allow publish all;", "allow play 10.0.0.2;", "deny play all;"]
    assert {"server 10.0.0.2:4000;", "listen 0.0.0.0:8080;", "listen 0.0.0.0:1935;"} <= {*lines}
    assert [line for line in lines if "http://10.0.0.2:4000/internal/" in line]
    for module in ("rtmp", "stream"):
        assert f"load_module /usr/lib/nginx/modules/ngx_{module}_module.so;" in lines


def test_both_modules_of_an_nginx_elsewhere_are_where_one_is_said_to_be(tmp_path: Path) -> None:
    nginx = {"upstream": "10.0.0.2", "rtmp_module": "/opt/modules/ngx_rtmp_module.so"}
    lines = written(tmp_path, {"host": "10.0.0.3"}, nginx=nginx)
    assert "load_module /opt/modules/ngx_stream_module.so;" in lines


def digest(data: Path, ports: Ports = TAKEN, **sections: dict[str, Any]) -> str:
    settings = Settings.model_validate({"data": {"dir": data}, **sections})
    return Launch(settings, data, "secret").digest(4000, ports)


def test_a_configuration_is_known_by_its_digest_from_that_of_other_settings(tmp_path: Path) -> None:
    ours = digest(tmp_path)
    assert ours == digest(tmp_path) and len(ours) == 16
    others = [
        digest(tmp_path, hls={"segment": 2}),
        digest(tmp_path, http={"tls_certificate": "/a", "tls_key": "/b"}),
        digest(tmp_path, Ports(8080, 1935, 1940, 1943, 1942)),
        Launch(Settings(), tmp_path, "another").digest(4000, TAKEN),
    ]
    assert len({ours, *others}) == 1 + len(others)
    assert list(tmp_path.iterdir()) == [], "it takes no certificate, and makes nothing"


@pytest.mark.skipif(find_rtmp_module("") is None, reason="nginx's rtmp module is not installed")
def test_neither_a_port_that_was_just_free_nor_what_is_installed_makes_another_configuration(
    tmp_path: Path,
) -> None:
    """nginx's own copy says which it is, and ingestd finds the same for its settings."""
    written_twice = [written(tmp_path, {}, nginx={"stat_port": 1942}) for _ in range(2)]
    named = [[line for line in lines if "X-Configuration" in line] for lines in written_twice]
    assert written_twice[0] != written_twice[1] and named[0] == named[1]
    secret = (tmp_path / "nginx.secret").read_text().strip()
    made = Launch(Settings(), tmp_path, secret).digest(4000, TAKEN)
    assert named[0] == [f'add_header X-Configuration "{made}";']
