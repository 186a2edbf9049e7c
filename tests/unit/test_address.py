"""Who a request comes from, behind proxies that are trusted and with headers that are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.accounts.address import client_address, networks, parse, scheme
from ingestd.errors import StartError

TRUSTED = networks(["127.0.0.1/32", "::1/128", "10.0.0.0/8", "2001:db8:f::/48"])
CLIENT, STRANGER = "198.51.100.7", "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (CLIENT, "", CLIENT),
        (CLIENT, STRANGER, CLIENT),  # whoever is not trusted says nothing of others
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", " ", "127.0.0.1"),
        ("127.0.0.1", CLIENT, CLIENT),
        ("::1", CLIENT, CLIENT),
        ("::ffff:127.0.0.1", CLIENT, CLIENT),
        ("127.0.0.1", f"{CLIENT}, 10.1.2.3", CLIENT),
        ("127.0.0.1", f"{CLIENT},10.1.2.3 ,2001:db8:f::5", CLIENT),
        ("127.0.0.1", f"{STRANGER}, {CLIENT}", CLIENT),  # left of the client is what the client claims
        ("127.0.0.1", f"10.9.9.9, {CLIENT}, 10.1.2.3", CLIENT),
        ("127.0.0.1", f"garbage, {CLIENT}", CLIENT),
        ("127.0.0.1", "10.0.0.5, 10.0.0.6", "10.0.0.5"),  # all of them ours: the first of them asked
        ("127.0.0.1", "2001:DB8::0:1", "2001:db8::1"),
        ("127.0.0.1", f"::ffff:{CLIENT}", CLIENT),
        ("127.0.0.1", f"{CLIENT}:5123", CLIENT),
        ("127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("127.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        (f"::ffff:{CLIENT}", "", CLIENT),
        ("fe80::1%eth0", "", "fe80::1"),
        ("", CLIENT, ""),  # a Unix socket has no address
        ("testclient", CLIENT, "testclient"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_trusted_proxy(
    peer: str, forwarded: str, client: str
) -> None:
    assert client_address(peer, forwarded, TRUSTED) == client


@pytest.mark.parametrize(
    "garbage",
    [
        "unknown",
        "_hidden",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.4:x",
        "1.2.3.4:-1",
        "1.2.3.4:٣",
        "[::1",
        "[::1]x",
        ",",
    ],
)
@pytest.mark.parametrize("chain", ["{}", f"{CLIENT}, {{}}", f"{CLIENT}, {{}}, 10.1.2.3"])
def test_garbage_from_a_trusted_proxy_leaves_the_peer(garbage: str, chain: str) -> None:
    assert client_address("127.0.0.1", chain.format(garbage), TRUSTED) == "127.0.0.1"


def test_nobody_is_believed_when_nobody_is_trusted() -> None:
    assert client_address("127.0.0.1", CLIENT, ()) == "127.0.0.1"


@given(st.text(), st.text(st.sampled_from("0123456789abcf.:,[]% \n")) | st.text())
def test_whatever_is_sent_the_answer_is_an_address(peer: str, forwarded: str) -> None:
    assert client_address(CLIENT, forwarded, TRUSTED) == CLIENT
    found = client_address("127.0.0.1", forwarded, TRUSTED)
    assert str(parse(found)) == found
    assert parse(peer) is not None or client_address(peer, forwarded, TRUSTED) == peer


@given(
    st.lists(st.ip_addresses().map(str)), st.ip_addresses().filter(lambda ip: not str(ip).startswith("10."))
)
def test_what_a_client_claims_never_changes_its_address(claims: list[str], address: object) -> None:
    honest = client_address("127.0.0.1", str(address), TRUSTED)
    if not any(parse(honest) in network for network in TRUSTED):
        assert client_address("127.0.0.1", ",".join([*claims, str(address)]), TRUSTED) == honest


@pytest.mark.parametrize(
    ("peer", "proto", "own", "expected"),
    [
        ("127.0.0.1", "https", "http", "https"),
        ("127.0.0.1", " HTTPS ", "http", "https"),
        ("127.0.0.1", "wss", "ws", "https"),
        ("127.0.0.1", "http", "https", "http"),
        ("127.0.0.1", "", "https", "https"),
        ("127.0.0.1", "https, http", "http", "http"),  # nobody knows who wrote which
        ("127.0.0.1", "gopher", "http", "http"),
        (CLIENT, "https", "http", "http"),
        (CLIENT, "http", "wss", "https"),
        ("", "https", "http", "http"),
    ],
)
def test_the_scheme_is_that_of_the_client_if_a_trusted_proxy_says_so(
    peer: str, proto: str, own: str, expected: str
) -> None:
    assert scheme(peer, proto, own, TRUSTED) == expected


@pytest.mark.parametrize("text", ["", "proxy", "10.0.0.1/8", "10.0.0.0/33", "::/129"])
def test_what_is_no_network_is_refused_by_name(text: str) -> None:
    with pytest.raises(StartError, match=r"http\.trusted_proxies: '.*' is no network such as 10\.0\.0\.0/8"):
        networks(["127.0.0.1/32", text])


def test_a_single_address_is_a_network() -> None:
    assert client_address("192.0.2.1", CLIENT, networks([" 192.0.2.1 "])) == CLIENT
