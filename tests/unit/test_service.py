"""The daemon as systemd sees it: ready, alive while it is well, and on the socket that was meant."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from ingestd.app import Daemon
from ingestd.broadcast.broadcast import Broadcast
from ingestd.broadcast.lifecycle import State
from ingestd.broadcast.registry import Broadcasts
from ingestd.errors import StartError
from ingestd.log import Recent
from ingestd.service import Service, listener, viewers_listener
from ingestd.settings import Settings
from ingestd.wiring import state

HOST = "127.0.0.1"


def heard(directory: Path, healthy: bool, messages: int) -> list[bytes]:
    """The first messages of a service whose watchdog waits for a tenth of a second."""
    address = str(directory / "notify")
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": str(os.getpid())}

    async def run(ear: socket.socket) -> list[bytes]:
        service = Service(lambda: "1 live", lambda: healthy, environ)
        service.start()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(30):
            found = [await loop.sock_recv(ear, 1000) for _ in range(messages)]
            service.stopping()
            while b"STOPPING" not in found[-1]:
                found.append(await loop.sock_recv(ear, 1000))
            found.append(await loop.sock_recv(ear, 1000))
        await service.close()
        return found

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.setblocking(False)
        return asyncio.run(run(ear))


def test_it_is_ready_then_alive_again_and_again_then_stopping(tmp_path: Path) -> None:
    first, *others, stopping, after = heard(tmp_path, True, 4)
    assert first == b"READY=1\nSTATUS=1 live"
    assert len(others) >= 3
    assert set(others) == {b"STATUS=1 live\nWATCHDOG=1"}
    assert stopping.startswith(b"STOPPING=1\nSTATUS=Stopping: ")
    assert after == b"%b\nWATCHDOG=1" % stopping.removeprefix(b"STOPPING=1\n"), "that stays what it does"


def test_who_is_not_well_gives_no_sign_of_life(tmp_path: Path) -> None:
    assert b"WATCHDOG" not in b"".join(heard(tmp_path, False, 4))


def broadcast(channel: str, state: State, viewers: int | None) -> Broadcast:
    return cast(Broadcast, SimpleNamespace(channel=channel, state=state, viewers=viewers))


def test_who_watches_a_channel_counts_once_though_one_broadcast_ends_there_while_another_is_live() -> None:
    every = [
        broadcast("news", State.ENDING, 3),
        broadcast("news", State.LIVE, 3),
        broadcast("demo", State.LIVE, 4),
    ]
    assert state(every) == "1 ending, 2 live, 7 viewers"
    assert state([broadcast("news", State.LIVE, None)]) == "1 live"


def listening(host: str = HOST, kind: int = socket.SOCK_STREAM) -> socket.socket:
    made = socket.socket(type=kind)
    made.bind((host, 0))
    return made


def test_the_socket_of_systemd_is_taken() -> None:
    with listening() as passed:
        assert listener(HOST, passed.getsockname()[1], passed) is passed


def test_a_socket_on_loopback_is_taken_where_nginx_alone_is_to_be_open() -> None:
    with listening() as passed:
        assert listener("0.0.0.0", passed.getsockname()[1], passed) is passed


def test_a_socket_on_another_port_is_refused_in_plain_words() -> None:
    with listening() as passed, pytest.raises(StartError, match=r"systemd listens on .*ListenStream="):
        listener(HOST, passed.getsockname()[1] ^ 1, passed)


def test_a_socket_that_is_open_to_more_than_the_settings_say_is_refused() -> None:
    with listening("0.0.0.0") as passed, pytest.raises(StartError, match=r"on 0\.0\.0\.0:"):
        listener(HOST, passed.getsockname()[1], passed)


def test_a_socket_where_nginx_would_not_look_is_refused() -> None:
    with listening() as passed, pytest.raises(StartError, match="http.bind"):
        listener("192.0.2.1", passed.getsockname()[1], passed)


def test_a_socket_that_is_none_of_the_network_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as passed:
        passed.bind(str(tmp_path / "socket"))
        with pytest.raises(StartError, match="systemd listens on"):
            listener(HOST, 4000, passed)


def test_without_systemd_it_is_a_socket_of_our_own() -> None:
    with listener(HOST, 0) as made:
        assert made.getsockname()[0] == HOST


def test_the_socket_for_nginxs_lines_is_compared_in_the_same_way() -> None:
    with listening(kind=socket.SOCK_DGRAM) as passed:
        port = passed.getsockname()[1]
        assert viewers_listener(f"{HOST}:{port}", passed) is passed
        assert viewers_listener(f"0.0.0.0:{port}", passed) is passed
        with pytest.raises(StartError, match=rf"{HOST}:{port} .* {HOST}:{port ^ 1}: .*ListenDatagram="):
            viewers_listener(f"{HOST}:{port ^ 1}", passed)
        assert passed.fileno() == -1


def test_a_socket_for_lines_that_nobody_is_to_count_is_closed() -> None:
    with listening(kind=socket.SOCK_DGRAM) as passed:
        assert viewers_listener("", passed) is None
        assert passed.fileno() == -1
    assert viewers_listener(f"{HOST}:1") is None, "nobody has passed one"


def test_a_reload_that_fails_in_a_way_of_its_own_is_over_as_well() -> None:
    """Else systemd would wait for it for ever."""

    def broken() -> Settings:
        raise RuntimeError("a mistake of ours")

    told: list[str] = []
    service = SimpleNamespace(
        reloading=lambda: told.append("reloading"), reloaded=lambda: told.append("reloaded")
    )
    daemon = Daemon(Settings(), with_nginx=False, say=print, reread=broken, lines=Recent())
    with pytest.raises(RuntimeError):
        daemon._reload(cast(Service, service), cast(Broadcasts, None))
    assert told == ["reloading", "reloaded"]
