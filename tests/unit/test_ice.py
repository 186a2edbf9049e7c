"""What peers are told of STUN and TURN servers."""

from __future__ import annotations

import base64
import hashlib
import hmac

from ingestd.webrtc.ice import LIFETIME, IceServers

STUN, TURN = "stun:stun.example.org:3478", "turn:turn.example.org:3478?transport=udp"


def test_nobody_is_told_of_servers_that_are_not_there() -> None:
    assert IceServers().links(0.0) == []


def test_credentials_are_those_that_coturn_reckons_from_the_secret_and_last_a_day() -> None:
    user, password = IceServers((), (TURN,), "secret").credentials(1_000_000.9)
    assert int(user) == 1_000_000 + LIFETIME and LIFETIME == 24 * 3600
    digest = hmac.new(b"secret", user.encode(), hashlib.sha1).digest()
    assert base64.b64decode(password) == digest
    assert IceServers((), (TURN,), "secret").credentials(1_000_001.0) != (user, password)


def test_links_are_those_of_rfc_9725_and_stun_needs_no_credentials() -> None:
    servers = IceServers((STUN,), (TURN,), "secret")
    user, password = servers.credentials(5.0)
    assert servers.links(5.0) == [
        f'<{STUN}>; rel="ice-server"',
        f'<{TURN}>; rel="ice-server"; username="{user}"; credential="{password}"; credential-type="password"',
    ]
    assert "secret" not in str(servers) and "secret" not in str(servers.links(5.0))


def test_without_a_secret_turn_servers_are_named_alone() -> None:
    assert IceServers((), (TURN,)).links(5.0) == [f'<{TURN}>; rel="ice-server"']
