"""What stands in Janus's configuration, for publishers and for viewers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingestd.webrtc.janus_config import Role, Terms, files, libraries

TERMS = {role: Terms(role, (20000, 20009), "sesame", "key", loops=4) for role in Role}


def lines(terms: Terms) -> set[str]:
    return {line.strip() for text in files(terms).values() for line in text.splitlines()}


def test_publishers_come_by_ice_lite_and_viewers_are_looked_after() -> None:
    found = {role: lines(TERMS[role]) for role in Role}
    assert {"ice_lite = true", "lock_rtp_forward = true"} <= found[Role.IN]
    assert {"ice_keepalive_conncheck = true", "event_loops = 4"} <= found[Role.OUT]
    assert not any(line.startswith(("ice_keepalive", "event_loops")) for line in found[Role.IN])
    assert not any(line.startswith(("ice_lite", "lock_rtp")) for line in found[Role.OUT])


def test_each_loads_one_plugin_and_one_transport() -> None:
    assert libraries(Role.IN) == ("plugins/libjanus_videoroom.so", "transports/libjanus_websockets.so")
    assert libraries(Role.OUT) == ("plugins/libjanus_streaming.so", "transports/libjanus_websockets.so")
    assert [sorted(files(TERMS[role])) for role in Role] == [
        ["janus.jcfg", "janus.plugin.videoroom.jcfg", "janus.transport.websockets.jcfg"],
        ["janus.jcfg", "janus.plugin.streaming.jcfg", "janus.transport.websockets.jcfg"],
    ]


@pytest.mark.parametrize("role", Role)
def test_nothing_but_two_sockets_is_open_and_those_take_a_secret(role: Role) -> None:
    found = lines(TERMS[role])
    assert {'api_secret = "sesame"', 'admin_key = "key"', "string_ids = true"} <= found
    assert {'admin_secret = "key"', 'ws_unix = "run/api"', "wss = false"} <= found
    assert {"admin_ws = true", 'admin_ws_unix = "run/admin"', "admin_wss = false"} <= found
    assert not any("ws_port" in line or "ws_ip" in line or "ws_interface" in line for line in found)


@pytest.mark.parametrize("role", Role)
def test_no_path_depends_on_how_long_that_of_the_data_is(role: Role) -> None:
    paths = [line for line in lines(TERMS[role]) if "_folder" in line or "ws_unix" in line]
    assert len(paths) == 7 and not any('"/' in line for line in paths)


def test_where_others_reach_us_is_said_to_peers() -> None:
    known = replace(TERMS[Role.OUT], public_address="203.0.113.7", stun=("stun.example.org", 3478))
    assert 'nat_1_1_mapping = "203.0.113.7"' in lines(known)
    assert not any("stun" in line for line in lines(known))


def test_a_stun_server_is_asked_for_viewers_where_that_is_not_known() -> None:
    terms = [replace(TERMS[role], stun=("stun.example.org", 5349)) for role in Role]
    assert not any("stun" in line for line in lines(terms[0]))
    asked = {'stun_server = "stun.example.org"', "stun_port = 5349", "ignore_unreachable_ice_server = true"}
    assert asked <= lines(terms[1])


def test_only_the_interfaces_that_are_named_are_used() -> None:
    terms = replace(TERMS[Role.IN], interfaces=("eth0", "192.0.2.1"))
    assert 'ice_enforce_list = "eth0,192.0.2.1"' in lines(terms)
    assert not any("enforce" in line for line in lines(TERMS[Role.IN]))


def test_ports_and_level_of_the_log() -> None:
    assert {'rtp_port_range = "20000-20009"', "debug_level = 3"} <= lines(TERMS[Role.IN])


def test_what_is_quoted_ends_where_it_should() -> None:
    assert 'api_secret = "a\\"b\\\\"' in lines(replace(TERMS[Role.IN], secret='a"b\\'))


def test_secrets_do_not_stand_in_what_is_printed_of_it() -> None:
    assert "sesame" not in repr(TERMS[Role.IN]) and "key" not in repr(TERMS[Role.IN]).replace("key=", "")
