"""Where a request comes from: what the peer says of others counts only if the peer is a trusted proxy.

Pure. Addresses come out in one spelling, IPv4 mapped into IPv6 as IPv4, so that they can be compared,
counted and logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from ingestd.errors import StartError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}  # some proxies tell a WebSocket's


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """The networks of ``http.trusted_proxies``. Raises StartError with the first that is none."""
    return tuple(_network(text) for text in texts)


def _network(text: str) -> Network:
    try:
        return ip_network(text.strip())
    except ValueError as error:
        raise StartError(
            f"http.trusted_proxies: {text!r} is no network such as 10.0.0.0/8 or 2001:db8::/32 ({error})."
        ) from None


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The address of who asks.

    ``peer`` is the other end of the connection, ``forwarded_for`` all X-Forwarded-For headers, joined
    by commas. Each proxy adds on the right whom it was called by, so the first entry from the right
    that is no trusted proxy is the client; what stands left of it is hearsay. If all are trusted it
    is the leftmost, and if an entry on the way is no address it is the peer, of whom we know.
    """
    found = parse(peer)
    if found is None:
        return peer
    last = found
    for text in reversed(forwarded_for.split(",") if forwarded_for.strip() else []):
        if not _among(last, trusted):
            break
        entry = _entry(text.strip())
        if entry is None:
            return str(found)
        last = entry
    return str(last)


def scheme(peer: str, forwarded_proto: str, own: str, trusted: Sequence[Network]) -> str:
    """``http`` or ``https``: how the client asks. ``own`` is the scheme of the connection itself.

    X-Forwarded-Proto of a trusted peer counts if it is one plain word: of a list nobody knows
    which entry a proxy wrote and which the client.
    """
    if among(peer, trusted):
        own = _SCHEMES.get(forwarded_proto.strip().lower(), own)
    return _SCHEMES.get(own, "http")


def parse(text: str) -> Address | None:
    """An address without its zone, IPv4 mapped into IPv6 as IPv4; None: it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def among(peer: str, trusted: Sequence[Network]) -> bool:
    """Whether this is the address of a trusted proxy."""
    found = parse(peer)
    return found is not None and _among(found, trusted)


def _entry(text: str) -> Address | None:
    """One of X-Forwarded-For: also ``192.0.2.1:80`` and ``[2001:db8::1]:80``, as some proxies write."""
    if text.startswith("["):
        inside, closed, port = text[1:].partition("]")
        return parse(inside) if closed and _is_port(port) else None
    host, colon, port = text.partition(":")
    if colon and "." in host:
        return parse(host) if _is_port(":" + port) else None
    return parse(text)


def _is_port(text: str) -> bool:
    return not text or (text.startswith(":") and text[1:].isdecimal() and text.isascii())


def _among(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
