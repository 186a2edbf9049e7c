"""The socket to which nginx logs: lines as nginx sends them, and others."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from ingestd.errors import StartError
from ingestd.monitor.viewer_log import ViewerLog, dropped, listen, new_tag
from ingestd.monitor.viewers import Viewers

HOST = "127.0.0.1"


def line(tag: str, said: str = "demo 200 100 m 192.0.2.1 VLC") -> bytes:
    return f"<190>Nov  1 15:45:27 {tag}: {said}".encode()


class Watched:
    channel = "demo"

    def __init__(self) -> None:
        self.told = asyncio.Queue[int]()

    def watched_by(self, viewers: int) -> None:
        self.told.put_nowait(viewers)


def run(
    story: Callable[[ViewerLog, socket.socket, Watched], Any], most: int = 1000
) -> tuple[ViewerLog, dict[str, int]]:
    async def whole() -> tuple[ViewerLog, dict[str, int]]:
        found = ViewerLog(
            listen(f"{HOST}:0"), new_tag(), Viewers(10.0, lambda _: True, os.urandom, 0.0, most)
        )
        broadcast = Watched()
        found.start([broadcast])  # type: ignore[list-item]
        host, _, port = found.address.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nginx:
            nginx.connect((host, int(port)))
            try:
                async with asyncio.timeout(60):
                    await story(found, nginx, broadcast)
                return found, found.lost
            finally:
                await found.close()

    return asyncio.run(whole())


async def until(test: Callable[[], bool]) -> None:
    while not test():  # noqa: ASYNC110 - a datagram that was read sends no event
        await asyncio.sleep(0.005)


def test_lines_are_counted_and_broadcasts_are_told() -> None:
    async def story(log: ViewerLog, nginx: socket.socket, broadcast: Watched) -> None:
        for number in range(100):
            nginx.send(line(log.tag, f"demo 200 100 m 192.0.2.{number % 4} VLC"))
        while await broadcast.told.get() != 4:
            pass

    log, lost = run(story)
    assert log.viewers.traffic()["demo"].bytes == 10_000
    assert lost == {"kernel": 0, "foreign": 0, "unreadable": 0, "full": 0}


def test_it_rests_and_goes_on() -> None:
    async def story(log: ViewerLog, nginx: socket.socket, _: Watched) -> None:
        for wanted in range(1, 4):
            nginx.send(line(log.tag, f"demo 200 100 m {wanted} VLC"))
            await until(lambda: log.viewers.count("demo") == wanted)  # noqa: B023

    run(story)


def test_lines_of_others_are_dropped_and_counted() -> None:
    async def story(log: ViewerLog, nginx: socket.socket, _: Watched) -> None:
        wrong = [line(new_tag()), line(""), b"", b"\xff" * 2000, line(log.tag)[1:]]
        unreadable = [line(log.tag, ""), line(log.tag, "demo OK 1 m a b")]
        for each in (*wrong, *unreadable, line(log.tag)):
            nginx.send(each)
        await until(lambda: log.viewers.count("demo") == 1)

    _, lost = run(story)
    assert (lost["foreign"], lost["unreadable"]) == (5, 2)


def test_a_long_user_agent_loses_its_end() -> None:
    async def story(log: ViewerLog, nginx: socket.socket, _: Watched) -> None:
        for end in "ab":
            nginx.send(line(log.tag, f"demo 200 100 m 192.0.2.1 {'x' * 8000}{end}"))
        await until(lambda: log.viewers.traffic().get("demo") is not None)
        await until(lambda: log.viewers.traffic()["demo"].bytes == 200)

    log, _ = run(story)
    assert log.viewers.count("demo") == 1


def test_what_the_kernel_drops_is_counted() -> None:
    with listen(f"{HOST}:0") as bound, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nginx:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        nginx.connect(bound.getsockname())
        for _ in range(200):
            nginx.send(bytes(500))
        bound.setblocking(False)
        received = 0
        try:
            while bound.recv(1000):
                received += 1
        except BlockingIOError:
            pass
        assert received + dropped(bound) == 200
        assert dropped(bound) > 0


def test_it_says_once_that_there_are_too_many_sessions() -> None:
    async def story(log: ViewerLog, nginx: socket.socket, _: Watched) -> None:
        for number in range(3):
            nginx.send(line(log.tag, f"demo 200 100 m {number} VLC"))
        await until(lambda: log._was_full)

    with structlog.testing.capture_logs() as logs:
        _, lost = run(story, most=2)
    assert [entry["event"] for entry in logs] == ["viewers_not_all_counted"]
    assert lost["full"] == 1


def test_it_says_once_that_the_kernel_drops_lines_and_again_after_a_pause() -> None:
    async def story(log: ViewerLog, nginx: socket.socket, _: Watched) -> None:
        asyncio.get_running_loop().remove_reader(log._socket)  # nobody reads
        log._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for flood in (True, True, False, True):
            for _number in range(100 if flood else 0):
                nginx.send(bytes(500))
            log._look_for_losses()

    with structlog.testing.capture_logs() as logs:
        run(story)
    assert [entry["event"] for entry in logs] == ["viewers_not_all_counted"] * 2
    assert "faster than they could be read" in logs[0]["reason"]


@pytest.mark.parametrize("where", ["", "4001", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "not-a-host:1"])
def test_an_address_that_is_none_is_said_to_be(where: str) -> None:
    with pytest.raises(StartError, match=r"viewers\.listen"):
        listen(where)


def test_a_port_that_is_taken_is_said_to_be() -> None:
    with listen(f"{HOST}:0") as bound, pytest.raises(StartError, match="in use"):
        listen(f"{HOST}:{bound.getsockname()[1]}")
