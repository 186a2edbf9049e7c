"""Addresses of this machine: how they are written, reached, and taken."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

from ingestd.errors import StartError

LOOPBACK = "127.0.0.1"

_KERNELS = Path("/proc/sys/net/ipv4/ip_local_port_range")  # two numbers; IPv6 keeps to them, too
_FIRST, _LAST = 10_000, 65_535  # of the ports to choose from


def reachable(bind: str) -> str:
    """An address at which this machine reaches what listens on ``bind``."""
    return {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}.get(bind, bind)


def authority(host: str, port: int) -> str:
    """As it stands in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def bind(host: str, port: int, flag: str) -> socket.socket:
    """A socket bound there; raises StartError that names the flag for another port."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        words = f"Port {port} on {host} cannot be taken: {error.strerror}. Choose another with {flag}."
        raise StartError(words) from None
    return bound


def free_port(host: str) -> int:
    """A port that is free at this moment, for a server that cannot be handed a socket and starts again there.

    None of those that the kernel gives to whoever connects (ip(7), ``ip_local_port_range``). While the server
    is down such a connection could take its port, for as long as it lasts and a minute more in TIME-WAIT.
    The likeliest to do so is who tries to reach the server, since TCP joins a connection from a port to the
    same port to itself (RFC 9293 §3.5, simultaneous open).
    """
    kept = kept_ports()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        for port in random.sample(kept, len(kept)):
            with suppress(OSError):
                probe.bind((host, port))
                return port
        probe.bind((host, 0))  # this machine gives all of them away
        return int(probe.getsockname()[1])


def kept_ports() -> list[int]:
    """Those that no connection and no socket is given that asks for none in particular."""
    low, high = _given_away()
    return [port for port in range(_FIRST, _LAST + 1) if not low <= port <= high]


def _given_away() -> tuple[int, int]:
    try:
        low, high = _KERNELS.read_text(encoding="ascii").split()
        return int(low), int(high)
    except (OSError, ValueError):
        return 32_768, 60_999  # what Linux begins with
