"""Where may be pushed to: public RTMP servers, and what the operator has named.

Whoever owns a channel chooses an address that this server then connects to: without rules that
reaches what only the inside of its network should. So every address that a host name stands for
has to be public; this is looked at when a target is stored, and again at each connect, which goes
to the very addresses that were found good (a name may point elsewhere by then: DNS rebinding).
Nor may it be this machine itself, whatever address it has. Pure: who knows names and this machine's
addresses is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from ingestd.errors import Code, Refusal, Refused

Resolver = Callable[[str], Awaitable[Sequence[str]]]
"""A host in, addresses out; raises OSError when it does not know the host."""

Own = Callable[[], Collection[str]]
"""The addresses that this machine has now."""

_PORTS = {"rtmp": 1935, "rtmps": 443}
_LONGEST = 253  # characters in the name of a host
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
# What Python calls global is all that it does not know to be something else. This is what IANA gives out;
# the rest (site-local, IPv4-compatible, translation within a network, ...) leads inside or nowhere.
_GLOBAL = (ip_network("2000::/3"), _NAT64)
_PROTOCOLS = ip_network("192.0.0.0/24")  # RFC 6890; of which Python 3.11 knows a part
_LABEL = re.compile(r"[\w-]{1,63}", re.ASCII)
_IPV6 = re.compile(r"[0-9a-f:.]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """An RTMP address without its key; ``tc_url`` is what the other side is told of it."""

    host: str
    port: int
    tls: bool
    app: str
    tc_url: str


def parse(url: str) -> Address:
    """An address of the form ``rtmp[s]://host[:port]/application``; raises :class:`Refused`."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise _refused("This is not an address.") from None
    if parts.scheme not in _PORTS:
        raise _refused("The address has to begin with rtmp:// or rtmps://.")
    if not host or not _is_host(host) or port == 0:
        raise _refused("The address names no host.")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise _refused("The address holds more than host and application; what is secret belongs in the key.")
    app = parts.path.strip("/")
    if not re.fullmatch(r"[\x21-\x7e]{1,512}", app):
        raise _refused("The address needs the name of an application behind the host: rtmp://host/app.")
    authority = parts.netloc.rpartition("@")[2]
    return Address(
        host,
        port or _PORTS[parts.scheme],
        parts.scheme == "rtmps",
        app,
        f"{parts.scheme}://{authority}/{app}",
    )


def _is_host(host: str) -> bool:
    """A name as DNS takes it, or an address."""
    if ":" in host:
        return _IPV6.fullmatch(host) is not None
    labels = host.removesuffix(".").split(".")
    return len(host) <= _LONGEST and all(_LABEL.fullmatch(label) for label in labels)


async def reachable(address: Address, allow: Sequence[str], resolve: Resolver, own: Own) -> list[str]:
    """The addresses to connect to, every one of which is allowed.

    ``allow``: networks and host names that need not be public. Raises :class:`Refused` for a host
    that stands for one address too many, OSError when it is not known (now).
    """
    found = [_plain(text) for text in await resolve(address.host)]
    if not found:
        raise OSError("the host has no address")
    if address.host.lower() not in {entry.lower() for entry in allow}:
        here = {_plain(text) for text in own()}
        for one in found:
            if _is_within(one, allow):
                continue
            if not _is_public(one):
                words = "is an address inside of a network, not a public one"
            elif not here.isdisjoint((one, *_within(one))):
                words = "is this server itself"
            else:
                continue
            raise _refused(f"{address.host} {words}. The setting push.allow makes exceptions.")
    return [str(one) for one in found]


async def check(url: str, allow: Sequence[str], resolve: Resolver, own: Own) -> None:
    """What is to be stored as a target's address: raises :class:`Refused`.

    A host that is not known passes: it is looked at again whenever it is to be connected to.
    """
    address = parse(url)
    try:
        await reachable(address, allow, resolve, own)
    except OSError:
        return


def _plain(text: str) -> IPv4Address | IPv6Address:
    """An address without its zone; an IPv4 address that is written as IPv6 as what it is."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and not any(address in network for network in _GLOBAL):
        return False
    return all(
        one.is_global and not one.is_multicast and one not in _PROTOCOLS
        for one in (address, *_within(address))
    )


def _within(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """IPv4 addresses to which an IPv6 address of a transition network leads."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one]


def _is_within(address: IPv4Address | IPv6Address, allow: Sequence[str]) -> bool:
    for entry in allow:
        try:
            if address in ip_network(entry, strict=False):
                return True
        except ValueError:  # a host name
            continue
    return False


def _refused(sentence: str) -> Refused:
    return Refused(Refusal(Code.INVALID, sentence))
