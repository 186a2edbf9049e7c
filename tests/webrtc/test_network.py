"""The network of a test's own: what is in it, that it can lose packets, and that it is left again."""

from __future__ import annotations

import os
import socket

import psutil
import pytest

from tests.support.network import ADDRESS, INTERFACE, loss, own_network, udp_blocked


def arrived(count: int, port: int = 0, address: str = ADDRESS) -> int:
    """How many of so many UDP packets to our own address arrive there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        place.bind((address, port))
        place.setblocking(False)
        found = 0
        for _ in range(count):
            place.sendto(b"x", place.getsockname())
            try:
                found += len(place.recv(10))
            except BlockingIOError:
                pass
        return found


def test_it_has_an_interface_that_is_not_loopback_and_is_left_again() -> None:
    before = os.stat("/proc/thread-self/ns/net").st_ino
    with own_network():
        assert os.stat("/proc/thread-self/ns/net").st_ino != before
        assert set(psutil.net_if_addrs()) == {"lo", INTERFACE, f"{INTERFACE}end"}
        assert arrived(10) == 10
    assert os.stat("/proc/thread-self/ns/net").st_ino == before


@pytest.mark.parametrize(("percent", "least", "most"), [(3, 20, 200), (50, 850, 1150), (100, 2000, 2000)])
def test_packets_are_lost_where_that_is_asked_for(percent: float, least: int, most: int) -> None:
    with own_network():
        with loss(percent):
            assert least <= 2000 - arrived(2000) <= most
            assert arrived(100, address="127.0.0.1") == 100
            with socket.create_server((ADDRESS, 0)) as listening:  # TCP loses nothing
                socket.create_connection(listening.getsockname(), 5).close()
        assert arrived(100) == 100


def test_udp_gets_through_by_the_ports_that_are_left_open_alone() -> None:
    with own_network():
        with udp_blocked(but=(21000, 21001)):
            assert [arrived(3, port) for port in (20999, 21000, 21001, 21002, 65535)] == [0, 3, 3, 0, 0]
            with (
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay,
            ):
                there.bind((ADDRESS, 0))
                there.settimeout(10)
                relay.bind((ADDRESS, 21001))
                relay.sendto(b"x", there.getsockname())
                assert there.recv(10) == b"x"
            with socket.create_server((ADDRESS, 0)) as listening:
                socket.create_connection(listening.getsockname(), 5).close()
        with udp_blocked():
            assert arrived(10, 21000) == 0
            assert arrived(10, address="127.0.0.1") == 10
        assert arrived(10) == 10
