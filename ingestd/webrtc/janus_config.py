"""What Janus's configuration folder holds, for each of its two roles. Pure.

Every path in it is relative to Janus's working directory: it has no need to reach what is above, and the
path of its socket stays short. The settings: Debian's /etc/janus/*.jcfg, of which nothing is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

LIBRARIES = "plugins", "transports"  # folders of them, here and where Janus is installed
EMPTY = "events", "loggers"  # folders of what we do not want
RUN = "run"  # where Janus itself may write
SOCKET = f"{RUN}/api"
ADMIN = f"{RUN}/admin"  # whoever gets in there may do all that Janus can, so it is no port

SESSION_TIMEOUT = 30  # seconds without a sign of life from us
RECLAIM_TIMEOUT = 20  # seconds without a connection to us

_WARNINGS = 3  # the level of Janus's log


class Role(StrEnum):
    """Why there are two: what notices a viewer who is gone (connectivity checks go on for good) ends FFmpeg's
    WHIP publisher after 50 s. Publishers are noticed by the media that do not come."""

    IN = "in"  # videoroom, ICE-lite: publishers
    OUT = "out"  # streaming, full ICE: viewers


_PLUGINS = {Role.IN: "videoroom", Role.OUT: "streaming"}


@dataclass(frozen=True, slots=True)
class Terms:
    """``ports``: first and last UDP port for peers, one for each; ``interfaces``: names or addresses of
    those that are used, empty: all; ``loops``: threads for viewers; ``stun``: host and port, or None."""

    role: Role
    ports: tuple[int, int]
    secret: str = field(default="", repr=False)
    admin_key: str = field(default="", repr=False)
    public_address: str = ""
    interfaces: tuple[str, ...] = ()
    stun: tuple[str, int] | None = None
    loops: int = 1


def libraries(role: Role) -> tuple[str, ...]:
    """What Janus loads, below its folder of libraries."""
    return f"plugins/libjanus_{_PLUGINS[role]}.so", "transports/libjanus_websockets.so"


def files(terms: Terms) -> dict[str, str]:
    """Names and contents. There are secrets in them."""
    plugin = {"admin_key": terms.admin_key, "string_ids": True, "events": False}
    if terms.role is Role.IN:
        plugin["lock_rtp_forward"] = True  # takes the admin_key, too
    return {
        "janus.jcfg": _text(
            {
                "general": _general(terms),
                "media": {"rtp_port_range": f"{terms.ports[0]}-{terms.ports[1]}"},
                "nat": _nat(terms),
            }
        ),
        f"janus.plugin.{_PLUGINS[terms.role]}.jcfg": _text({"general": plugin}),
        "janus.transport.websockets.jcfg": _text(
            {
                "general": {"json": "compact", "events": False, "ws": True, "ws_unix": SOCKET, "wss": False},
                "admin": {"admin_ws": True, "admin_ws_unix": ADMIN, "admin_wss": False},
            }
        ),
    }


def _general(terms: Terms) -> dict[str, object]:
    threads = {"event_loops": terms.loops} if terms.role is Role.OUT else {}
    return {
        "configs_folder": ".",
        **{f"{name}_folder": name for name in (*LIBRARIES, *EMPTY)},
        "server_name": f"ingestd-{terms.role}",
        "debug_level": _WARNINGS,
        "debug_colors": False,
        "debug_timestamps": False,
        "api_secret": terms.secret,
        "admin_secret": terms.admin_key,  # by default everybody knows it
        "session_timeout": SESSION_TIMEOUT,
        "reclaim_session_timeout": RECLAIM_TIMEOUT,
        "hide_dependencies": True,
        **threads,
    }


def _nat(terms: Terms) -> dict[str, object]:
    """Names in peers' candidates (mDNS) are not looked up: a peer is found by the address it comes from."""
    found: dict[str, object] = {"nice_debug": False, "ignore_mdns": True}
    if terms.role is Role.IN:
        found["ice_lite"] = True
    else:
        found["ice_keepalive_conncheck"] = True
    if terms.public_address:
        found["nat_1_1_mapping"] = terms.public_address
        found["keep_private_host"] = True  # for peers on this side of the NAT
    elif terms.stun and terms.role is Role.OUT:  # ICE-lite has no use for it
        found["stun_server"], found["stun_port"] = terms.stun
        found["ignore_unreachable_ice_server"] = True
    if terms.interfaces:
        found["ice_enforce_list"] = ",".join(terms.interfaces)
    return found


def _text(groups: dict[str, dict[str, object]]) -> str:
    """In the language of libconfig (its manual, "Configuration Files")."""
    return "".join(
        f"{name}: {{\n" + "".join(f"  {key} = {_value(value)}\n" for key, value in group.items()) + "}\n"
        for name, group in groups.items()
    )


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    quoted = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'
