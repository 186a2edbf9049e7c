"""What nginx says of requests for HLS, to whom, and what it does when nobody listens."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ingestd.nginx.config import NginxValues, find_rtmp_module, find_stream_module, render
from ingestd.nginx.guard import close_all_but, open_all
from tests.support import http
from tests.support.ports import free_port
from tests.support.server import PATIENCE, wait_for

_HOST = "127.0.0.1"
_TAG = "tagofthistest"
_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzZWNyZXQiOiJ5ZXMifQ.c2lnbmF0dXJl"
_PLAYLIST = "#EXTM3U\n"


@dataclass(frozen=True)
class Nginx:
    """nginx alone, with a public channel ``demo`` and a private one; what it logs comes to ``lines``."""

    lines: socket.socket
    hls: str
    stat: str
    errors: Path

    def get(self, path: str, agent: str = "VLC/3.0", **headers: str) -> httpx.Response:
        sent = httpx.Headers({"User-Agent": agent, **headers}, encoding="utf-8")
        return http.get(self.hls + path, headers=sent, timeout=PATIENCE)

    def said(self) -> str:
        """The next line, from the tag on; its header is 21 letters long."""
        line = self.lines.recv(2048).decode()
        assert line.startswith("<190>")
        return line[21:]


@pytest.fixture
def nginx() -> Iterator[Nginx]:
    root = Path(tempfile.mkdtemp(prefix="ingestd-test-"))
    root.chmod(0o755)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lines:
        lines.bind((_HOST, 0))
        lines.settimeout(PATIENCE)
        hls, stat = free_port(_HOST), free_port(_HOST)
        values = _values(root, f"{_HOST}:{lines.getsockname()[1]}", hls, stat)
        (root / "nginx.conf").write_text(render(values))
        with _running(root) as errors:
            found = Nginx(lines, f"http://{_HOST}:{hls}", f"http://{_HOST}:{stat}", errors)
            wait_for(lambda: f"nginx: {errors.read_text()}", lambda: _answers(found))
            yield found
    shutil.rmtree(root)


def _values(root: Path, lines: str, hls: int, stat: int) -> NginxValues:
    for name in ("public/demo", "public/secret", "private"):
        (root / "hls" / name).mkdir(parents=True)
    for name in ("demo/index.m3u8", "demo/poster.jpg", "secret/index.m3u8"):
        (root / "hls" / "public" / name).write_text(_PLAYLIST)
    close_all_but(root / "hls", {"demo"})
    open_all(root / "hls", {"demo"})
    module, nobody = find_rtmp_module(""), f"{_HOST}:{free_port(_HOST)}"
    assert module
    return NginxValues(
        directory=root,
        hls=root / "hls",
        rtmp_module=module,
        rtmp_listen=f"{_HOST}:{free_port(_HOST)}",
        rtmp_internal=f"{_HOST}:{free_port(_HOST)}",
        rtmp_inner=f"{_HOST}:{free_port(_HOST)}",
        rtmp_relay=f"{_HOST}:{free_port(_HOST)}",
        stream_module=find_stream_module(),
        rtmp_publishers=_HOST,
        callbacks=f"http://{nobody}",
        watch=f"http://{nobody}/watch",
        hls_listen=f"{_HOST}:{hls}",
        http_address=nobody,
        segment_ms=1000,
        viewers=lines,
        viewers_tag=_TAG,
        stat_listen=f"{_HOST}:{stat}",
        user="user root;" if os.geteuid() == 0 else "",
    )


@contextmanager
def _running(root: Path) -> Iterator[Path]:
    errors = root / "errors"
    with errors.open("wb") as log:
        path = {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
        process = subprocess.Popen(["nginx", "-c", str(root / "nginx.conf")], env=path, stderr=log)
        try:
            yield errors
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _answers(nginx: Nginx) -> bool:
    try:
        return http.get(f"{nginx.stat}/stat").status_code == 200
    except httpx.TransportError:
        return False


def test_a_line_says_channel_status_bytes_and_who(nginx: Nginx) -> None:
    size = len(nginx.get("/hls/demo/index.m3u8?x=1&token=abc", 'A "player"; é\\').content)
    said = nginx.said().removeprefix(f"{_TAG}: ").split(" ", 4)
    assert said[:2] == ["demo", "200"] and int(said[2]) > size
    assert said[3:] == ["m", f'{_HOST} A "player"; é\\']
    nginx.get("/hls/demo/poster.jpg", "")
    said = nginx.said().split(" ")
    assert (said[1], said[4:]) == ("demo", ["-", _HOST, ""])
    nginx.get("/hls/demo/none.ts", **{"X-Forwarded-For": "192.0.2.1"})
    assert nginx.said().split(" ")[2::2] == ["404", "m", "VLC/3.0"]


def test_no_token_is_in_any_line(nginx: Nginx) -> None:
    bearer = {"Authorization": f"Bearer {_TOKEN}", "Cookie": f"ingestd_session={_TOKEN}"}
    for path, headers, status in (
        (f"/hls/secret/index.m3u8?token={_TOKEN}", {}, 302),
        (f"/hls/-/{_TOKEN}/secret/index.m3u8", {}, 500),  # nobody is there to ask
        (f"/hls/-/{_TOKEN}/demo/none.ts", {}, 404),
        ("/hls/secret/index.m3u8", bearer, 500),
    ):
        assert nginx.get(path, **headers).status_code == status
        said = nginx.said()
        assert said.split(" ")[2] == str(status)
        assert "eyJ" not in said
    nginx.lines.setblocking(False)
    with pytest.raises(BlockingIOError):
        nginx.said()


def test_when_nobody_listens_it_serves_on_and_says_so_at_every_second_request(nginx: Nginx) -> None:
    """What keeps that from being a flood is that the socket is there: systemd's, or that of our parent."""
    nginx.lines.close()
    for _ in range(40):
        assert nginx.get("/hls/demo/index.m3u8").text == _PLAYLIST
    errors = nginx.errors.read_text().splitlines()
    assert all("send() failed (111: Connection refused)" in line for line in errors)
    assert 0 < len(errors) <= 20


def test_who_listens_and_never_reads_is_not_waited_for(nginx: Nginx) -> None:
    """As we are while we hang: the kernel drops what there is no room for."""
    nginx.lines.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    with http.Client(base_url=nginx.hls) as player:
        for _ in range(200):
            assert player.get("/hls/demo/index.m3u8").text == _PLAYLIST
    assert nginx.errors.read_text() == ""


def test_statistics_are_there_and_nothing_else(nginx: Nginx) -> None:
    assert "<nginx_rtmp_version>" in http.get(f"{nginx.stat}/stat").text
    assert [http.get(nginx.stat + path).status_code for path in ("/", "/hls/demo/index.m3u8")] == [404, 404]
    forwarded = http.get(f"{nginx.stat}/stat", headers={"X-Forwarded-For": "192.0.2.1"})
    assert forwarded.status_code == 403
