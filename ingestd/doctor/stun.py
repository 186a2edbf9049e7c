"""Asks a STUN or TURN server whether it is there: a Binding request (RFC 8489 §2.3) lets nobody in."""

from __future__ import annotations

import secrets
import socket
import struct

_COOKIE = 0x2112A442
_REQUEST, _SUCCESS = 0x0001, 0x0101  # Binding
_HEADER = struct.Struct("!HHI12s")  # type, length of what follows, magic cookie, transaction
_TRIES = 3  # over UDP
_SECONDS = 1.0  # for an answer


def answers(host: str, port: int, *, tcp: bool = False) -> bool:
    """Raises OSError where nothing can be sent there, or its name is not known."""
    transaction = secrets.token_bytes(12)
    asked = _HEADER.pack(_REQUEST, 0, _COOKIE, transaction)
    if tcp:
        with socket.create_connection((host, port), _SECONDS) as stream:
            stream.sendall(asked)
            return _is_success(_received(stream), transaction)
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as place:
        place.settimeout(_SECONDS)
        place.connect(address)
        for _ in range(_TRIES):
            place.send(asked)
            if _is_success(_received(place), transaction):
                return True
    return False


def _received(place: socket.socket) -> bytes:
    try:
        return place.recv(2048)
    except TimeoutError:
        return b""


def _is_success(answer: bytes, transaction: bytes) -> bool:
    if len(answer) < _HEADER.size:
        return False
    kind, _, cookie, echoed = _HEADER.unpack_from(answer)
    return (kind, cookie, echoed) == (_SUCCESS, _COOKIE, transaction)
