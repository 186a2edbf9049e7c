"""What an nginx of its own writes, as beside ``ingestd serve``: to a journal, or to a container's log, with
nobody between who takes secrets out. Asked while ingestd is away, when it has most to complain of."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.accounts import token_for
from tests.support.foreign import serving
from tests.support.rtmp import RtmpPublisher
from tests.support.server import PATIENCE, Server
from tests.system.conftest import SMALL
from tests.system.test_redaction import Hoard

_ITS_OWN = re.compile(r"\d{4}/\d\d/\d\d [\d:]{8} \[\w+\] ")
_TOO_MUCH = 1 << 30  # bytes that are announced, and refused


@pytest.fixture
def away() -> Iterator[Server]:
    """The daemon has ended; its nginx serves on."""
    with serving(**SMALL) as (server, _):
        server.process.terminate()
        server.process.wait(PATIENCE)
        yield server


def asked(server: Server, method: str, path: str, *headers: str) -> int:
    """The status; what is sent is what nginx quotes when it complains."""
    to = urlsplit(server.hls)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {to.netloc}", "Connection: close", *headers]
    with socket.create_connection((to.hostname, to.port), PATIENCE) as peer:
        peer.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(peer.makefile("rb").readline().split()[1])


def test_nginx_writes_no_secret_while_ingestd_is_away(away: Server) -> None:
    hoard = Hoard()
    key, token = hoard.keep("stream key", away.stream_key), hoard.keep("publish token", away.token)
    watch = hoard.keep("watch token", token_for(away.data, away.channel, scope="watch"))
    hoard.keep("internal secret", (away.data / "nginx.secret").read_text().strip())
    query, upgrade = f"streamKey={key}&token={token}", ("Upgrade: websocket", "Connection: Upgrade")
    found = [
        asked(away, "GET", f"/watch/{away.channel}?token={watch}"),
        asked(away, "GET", f"/api/v1/channels/{token}?token={token}", f"Authorization: Bearer {token}"),
        asked(away, "GET", f"/ws?{query}", *upgrade),
        asked(away, "GET", f"/ws/{key}?token={token}", *upgrade),
        asked(away, "GET", f"/hls/-/{watch}/{away.channel}/index.m3u8"),
        asked(away, "GET", f"/hls/-/{watch}/none/index.m3u8"),
    ]
    assert found == [502, 502, 502, 502, 404, 500]
    places = ("/", "/ws", "/metrics", "/internal/x", "/hls/", f"/hls/-/{watch}/{away.channel}/x.ts")
    for place in places:
        size = f"Content-Length: {_TOO_MUCH}"
        assert asked(away, "POST", f"{place}?{query}", size) == 413
    with RtmpPublisher(away.rtmp) as publisher, suppress(OSError):
        publisher.publish(key)
        publisher.closed()
    said = _of_nginx(away.log)
    assert said, "it has something to complain of, or nothing is shown by this"
    assert hoard.found("\n".join(said)) == []


def _of_nginx(log: Path) -> list[str]:
    """Its lines, beside the daemon's."""
    return [line for line in log.read_text().splitlines() if _ITS_OWN.match(line)]
