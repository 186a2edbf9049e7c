"""Where may be pushed to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ingestd.errors import Code, Refused
from ingestd.push.allowed import check, parse, reachable

OWN = ["127.0.0.1", "fe80::7%eth0", "198.41.0.4", "2001:503:ba3e::2:30"]
"""Of this machine, which a provider has put right into the Internet."""


def look(url: str, found: Sequence[str], allow: Sequence[str] = ()) -> list[str]:
    async def resolve(host: str) -> Sequence[str]:
        return found

    return asyncio.run(reachable(parse(url), allow, resolve, lambda: OWN))


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "app"),
    [
        ("rtmp://a.rtmp.youtube.com/live2", "a.rtmp.youtube.com", 1935, False, "live2"),
        ("rtmps://live-api-s.facebook.com:443/rtmp/", "live-api-s.facebook.com", 443, True, "rtmp"),
        ("rtmps://x.example.org/app/instance", "x.example.org", 443, True, "app/instance"),
        ("rtmp://[2001:db8::1]:1936/live", "2001:db8::1", 1936, False, "live"),
        ("rtmp://example.org./live", "example.org.", 1935, False, "live"),
        (f"rtmp://{'a' * 63}.example.org/live", f"{'a' * 63}.example.org", 1935, False, "live"),
    ],
)
def test_an_address_in_its_parts(url: str, host: str, port: int, tls: bool, app: str) -> None:
    made = parse(url)
    assert (made.host, made.port, made.tls, made.app) == (host, port, tls, app)
    assert made.tc_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/live",
        "file:///etc/passwd",
        "rtmp://",
        "rtmp:///live",
        "rtmp://example.org",
        "rtmp://example.org/",
        "rtmp://user:password@example.org/live",
        "rtmp://example.org/live?key=1",
        "rtmp://example.org/live#key",
        "rtmp://example.org:0/live",
        "rtmp://example.org:99999/live",
        "rtmp://exa mple.org/live",
        "rtmp://example.org/li ve",
        "rtmp://[::1/live",
        "rtmp://ex\0ample.org/live",
        "rtmp://a..b/live",
        "rtmp://.example.org/live",
        "rtmp://./live",
        f"rtmp://{'a' * 64}.example.org/live",
        f"rtmp://{'a.' * 127}org/live",
        "rtmp://[::1%eth0]/live",
    ],
)
def test_what_is_no_address_to_push_to(url: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(url)
    assert refused.value.refusal.code is Code.INVALID
    assert "password" not in refused.value.refusal.message


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "2002:0a00:0001::1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "fec0::1",
        "::10.0.0.1",
        "::8.8.8.8",
        "::ffff:0:10.0.0.1",
        "2001:0:808:808:0:0:f5ff:fffe",  # Teredo: 10.0.0.1 behind 8.8.8.8
        "192.0.0.8",
        "5f00::1",
    ],
)
def test_what_is_inside_of_a_network_is_not_reached(address: str) -> None:
    with pytest.raises(Refused, match="push.allow"):
        look("rtmp://example.org/live", ["93.184.216.34", address])


@pytest.mark.parametrize(
    "address",
    ["198.41.0.4", "::ffff:198.41.0.4", "2002:c629:4::1", "64:ff9b::198.41.0.4", "2001:503:ba3e::2:30"],
)
def test_the_server_itself_is_not_reached_by_the_address_that_others_know(address: str) -> None:
    with pytest.raises(Refused, match=r"itself.*push\.allow"):
        look("rtmp://example.org/live", ["93.184.216.34", address])
    assert look("rtmp://example.org/live", [address], ["example.org"])


def test_public_addresses_are_those_that_are_connected_to() -> None:
    found = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"]
    assert look("rtmp://example.org/live", found) == [found[0], found[1], "93.184.216.34"]


@pytest.mark.parametrize(
    "allow", [["10.0.0.0/8"], ["10.1.2.3"], ["Inside.example.org"], ["x", "10.1.0.0/16"]]
)
def test_the_operator_makes_exceptions(allow: list[str]) -> None:
    assert look("rtmp://inside.example.org/live", ["10.1.2.3"], allow) == ["10.1.2.3"]


def test_an_exception_holds_for_nothing_else() -> None:
    with pytest.raises(Refused):
        look("rtmp://example.org/live", ["10.1.2.3", "10.2.0.1"], ["10.1.0.0/16", "other.example.org"])


def test_when_it_is_stored_an_unknown_host_passes_and_an_inner_one_does_not() -> None:
    async def unknown(host: str) -> Sequence[str]:
        raise OSError("no such host")

    async def inner(host: str) -> Sequence[str]:
        return ["127.0.0.1"]

    asyncio.run(check("rtmp://example.org/live", (), unknown, list))
    with pytest.raises(Refused):
        asyncio.run(check("rtmp://example.org/live", (), inner, list))
