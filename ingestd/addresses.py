"""Addresses of this machine: how they are written, reached, and taken."""

from __future__ import annotations

import socket

from ingestd.errors import StartError

LOOPBACK = "127.0.0.1"


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
