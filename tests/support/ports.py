"""Ports for servers that cannot be handed a socket."""

from __future__ import annotations

from ingestd import addresses

_given: set[int] = set()


def free_port(host: str = addresses.LOOPBACK) -> int:
    """As the program's own, and none that was given to anybody here before: who has it may not listen yet."""
    while (port := addresses.free_port(host)) in _given:
        pass
    _given.add(port)
    return port
