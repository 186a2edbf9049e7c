"""coturn as a TURN server of a test's own, with the settings of ``docker compose --profile turn``."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from aioice.stun import TransactionFailed
from aioice.turn import create_turn_endpoint
from aiortc import RTCIceServer

from ingestd.doctor.stun import answers
from tests.support.network import ADDRESS
from tests.support.server import wait_for

PORT = 21000
RELAYS = 21001, 21060
BY_UDP = f"turn:{ADDRESS}:{PORT}?transport=udp"
BY_TCP = f"turn:{ADDRESS}:{PORT}?transport=tcp"

_SETTINGS = Path(__file__).parents[2] / "config" / "turnserver.conf"
_LINK = re.compile(r'<([^>]+)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"')
_UNAUTHORIZED = 401


@contextmanager
def coturn(secret: str, *, udp: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """In the network of the test; it leads to that network's own address alone. ``udp``: no firewall blocks
    its port."""
    program = shutil.which("turnserver")
    if program is None:
        pytest.skip("coturn is not installed")
    place = Path(tempfile.mkdtemp(prefix="ingestd-turn-"))
    lines = [f"listening-port={PORT}", f"min-port={RELAYS[0]}", f"max-port={RELAYS[1]}"]
    lines += [f"{name}={ADDRESS}" for name in ("listening-ip", "relay-ip", "allowed-peer-ip")]
    (place / "conf").write_text("\n".join([_settings(), *lines, f"static-auth-secret={secret}"]))
    with (place / "log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(place / "conf")], stdout=log, stderr=log)
    try:
        wait_for(lambda: (place / "log").read_text(), lambda: _listens(udp) or process.poll() is not None)
        assert process.poll() is None, (place / "log").read_text()
        yield process
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(place)


def _settings() -> str:
    """But what the test says itself."""
    said = _SETTINGS.read_text().splitlines()
    return "\n".join(line for line in said if not line.startswith(("listening-port", "min-port", "max-port")))


def _listens(udp: bool) -> bool:
    with suppress(OSError):
        return answers(ADDRESS, PORT, tcp=True) and (not udp or answers(ADDRESS, PORT))
    return False


def told(answer: httpx.Response, url: str) -> RTCIceServer:
    """That TURN server, with the credential that an answer's ``Link`` headers have for it."""
    found = {one[0]: one[1:] for one in _LINK.findall(", ".join(answer.headers.get_list("link")))}
    return RTCIceServer(url, *found[url])


def lets_in(server: RTCIceServer) -> bool:
    """Whether it relays for this credential."""

    async def asked() -> bool:
        host, port, transport = re.findall(r"turn:([\d.]+):(\d+)\?transport=(\w+)", str(server.urls))[0]
        try:
            transports, _ = await create_turn_endpoint(
                asyncio.DatagramProtocol,
                (host, int(port)),
                server.username,
                server.credential,
                transport=transport,
            )
        except TransactionFailed as refused:
            assert refused.response.attributes["ERROR-CODE"][0] == _UNAUTHORIZED
            return False
        transports.close()
        return True

    with ThreadPoolExecutor(1) as pool:  # a browser's loop may run in this thread
        return pool.submit(lambda: asyncio.run(asked())).result()
