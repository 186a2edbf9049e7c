"""What is said to systemd and what is taken from it; without it, nothing at all."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestd.systemd import (
    Notifier,
    in_journal,
    message,
    passed_descriptors,
    passed_socket,
    status,
    watchdog_seconds,
)

PID = 4711


@pytest.fixture(params=["a file", "an abstract name"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd has it, and what NOTIFY_SOCKET says."""
    address = str(tmp_path / "notify") if request.param == "a file" else f"@ingestd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(address.replace("@", "\0", 1))
        made.settimeout(5)
        yield made, address


def test_one_datagram_says_all_of_it(listening: tuple[socket.socket, str]) -> None:
    ear, address = listening
    Notifier(address).tell(READY=1, STATUS="2 live")
    assert ear.recv(1000) == b"READY=1\nSTATUS=2 live"


def test_a_reload_says_when_it_began(listening: tuple[socket.socket, str]) -> None:
    ear, address = listening
    Notifier(address).reloading()
    reloading, since = ear.recv(1000).split(b"\n")
    assert reloading == b"RELOADING=1" and since.startswith(b"MONOTONIC_USEC=")


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@ingestd-test-nobody"])
def test_nobody_who_listens_is_no_fault(address: str) -> None:
    Notifier(address).tell(READY=1)


def test_a_socket_that_is_full_holds_nobody_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "notify"))
        for _ in range(1000):
            Notifier(str(tmp_path / "notify")).tell(STATUS="x" * 1000)


def test_a_value_stays_on_its_line() -> None:
    assert message(STATUS="one\nWATCHDOG=1") == b"STATUS=one WATCHDOG=1"


@pytest.mark.parametrize(
    ("states", "viewers", "line"),
    [
        ({}, None, "No broadcast"),
        ({"live": 2, "interrupted": 1}, 14, "2 live, 1 interrupted, 14 viewers"),
        ({"backing_off": 1, "live": 0}, 1, "1 backing off, 1 viewer"),
        ({}, 0, "No broadcast, 0 viewers"),
    ],
)
def test_the_status_counts_broadcasts_and_viewers(
    states: dict[str, int], viewers: int | None, line: str
) -> None:
    assert status(states, viewers) == line


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(PID)}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_ours_or_nobodys(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_seconds(environ, PID) == seconds


@pytest.mark.parametrize(
    ("environ", "descriptors"),
    [
        ({}, {}),
        ({"LISTEN_PID": str(PID), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}, {"http": 3}),
        ({"LISTEN_PID": str(PID), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:rtmp"}, {"http": 3, "rtmp": 4}),
        ({"LISTEN_PID": str(PID), "LISTEN_FDS": "1"}, {"unknown": 3}),
        ({"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}, {}),
        ({"LISTEN_PID": str(PID), "LISTEN_FDS": "many"}, {}),
    ],
)
def test_sockets_are_ours_by_name_or_nobodys(environ: dict[str, str], descriptors: dict[str, int]) -> None:
    assert passed_descriptors(environ, PID) == descriptors


def test_without_systemd_no_socket_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTEN_PID", raising=False)
    assert passed_socket("http") is None


def test_what_goes_to_the_journal_is_known_by_its_inode() -> None:
    with tempfile.TemporaryFile("w") as stream:
        found = os.fstat(stream.fileno())
        assert in_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        assert not in_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"})
        assert not in_journal(stream, {})
    assert not in_journal(stream, {"JOURNAL_STREAM": "1:2"}), "closed"
