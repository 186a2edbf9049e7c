"""Ports that a server finds again after it was down."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ingestd import addresses
from ingestd.addresses import LOOPBACK, free_port


def listen(port: int) -> socket.socket:
    return socket.create_server((LOOPBACK, port))


def test_it_is_none_that_the_kernel_gives_to_whoever_connects() -> None:
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    found = {free_port(LOOPBACK) for _ in range(50)}
    assert len(found) > 25
    assert not [port for port in found if low <= port <= high or port < 1024]


@pytest.mark.parametrize("host", [LOOPBACK, "::1", "0.0.0.0"])
def test_it_can_be_taken(host: str) -> None:
    port = free_port(host)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        server.bind((host, port))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("10001\t65535\n", {10_000}),
        ("1024\t65534\n", {65_535}),
        ("", {*range(10_000, 32_768), *range(61_000, 65_536)}),
    ],
    ids=["nearly all", "nearly all", "not said"],
)
def test_others_are_left_to_the_kernel(
    said: str, kept: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ip_local_port_range"
    file.write_text(said)
    monkeypatch.setattr(addresses, "_KERNELS", file)
    assert free_port(LOOPBACK) in kept


def test_one_that_is_taken_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And where no other is left, there is still one of the kernel's."""
    file = tmp_path / "ip_local_port_range"
    file.write_text("10001 65535")
    monkeypatch.setattr(addresses, "_KERNELS", file)
    with listen(10_000):
        assert free_port(LOOPBACK) != 10_000
