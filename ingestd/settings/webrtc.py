"""The settings of WebRTC: sections and their rules are as in :mod:`ingestd.settings.model`."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator

from ingestd.settings.section import Section

_PORTS = re.compile(r"(\d{1,5})-(\d{1,5})")
_LOWEST = 1024  # Janus has no rights to those below
_SERVER = re.compile(
    r"(stun|turns?):(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(\?transport=(udp|tcp))?"
)
_PORT, _TLS_PORT = 3478, 5349  # RFC 8489, 18.6
_INTERFACE = re.compile(r"[A-Za-z0-9._:@-]{1,64}")


def bounds(ports: str) -> tuple[int, int]:
    """The first and the last of ``20000-20099``; raises ValueError."""
    found = _PORTS.fullmatch(ports.strip())
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not _LOWEST <= first <= last <= 65535:
        raise ValueError(f"a range of ports from {_LOWEST} to 65535, such as 20000-20099")
    return first, last


def server(url: str) -> tuple[str, int]:
    """Host and port of ``stun:host:port`` (RFC 7064) or ``turn:…`` (RFC 7065); raises ValueError."""
    found = _SERVER.fullmatch(url)
    if not found or int(found[3] or 0) > 65535:
        raise ValueError("addresses such as stun:stun.example.org:3478 or turn:turn.example.org:3478")
    return found[2].strip("[]"), int(found[3] or (_TLS_PORT if found[1] == "turns" else _PORT))


class WebRtc(Section):
    enabled: bool = Field(
        True,
        description="Whether WebRTC is offered, to publishers (WHIP) and to viewers who want less than a"
        " second of delay (WHEP), where Janus is installed.",
    )
    program: str = Field("janus", description="The Janus program, 1.1 or newer.")
    publish_ports: str = Field(
        "20000-20099",
        description="UDP ports on which publishers' media come, one for each of them. A firewall has to let"
        " them in.",
    )
    watch_ports: str = Field(
        "20100-20399",
        validate_default=True,
        description="UDP ports from which viewers get media, one for each of them; apart from publishers'.",
    )
    public_address: str = Field(
        "",
        examples=["203.0.113.7"],
        description="IP address by which others reach those ports, where that is none of this machine's own"
        " (NAT). Default: this machine's addresses.",
    )
    interfaces: tuple[str, ...] = Field(
        (),
        description="Network interfaces, or addresses, on which those ports are opened while somebody is"
        " connected; empty: all but loopback.",
    )
    stun: tuple[str, ...] = Field(
        (),
        examples=[["stun:stun.example.org:3478"]],
        description="STUN servers that peers are told of; without public_address we ask the first of them"
        " for our own.",
    )
    turn: tuple[str, ...] = Field(
        (),
        examples=[["turn:turn.example.org:3478?transport=udp"]],
        description="TURN servers that peers are told of, for those whom no UDP reaches.",
    )
    turn_secret: str = Field(
        "",
        repr=False,
        description="Secret that those TURN servers share with us (coturn: static-auth-secret), of which"
        " peers get credentials for a time.",
    )
    turn_secret_file: Path | None = Field(
        None, examples=["/run/secrets/turn_secret"], description="A file that holds that secret."
    )
    max_viewers: int = Field(
        100,
        ge=0,
        description="Viewers by WebRTC at one time, and never more than watch_ports has; one more is told to"
        " watch by HLS. A processor is enough for about 50 of 3 Mb/s.",
    )

    @field_validator("publish_ports", "watch_ports")
    @classmethod
    def _a_range(cls, ports: str, info: ValidationInfo) -> str:
        first, last = bounds(ports)
        if other := info.data.get("publish_ports"):
            begin, end = bounds(other)
            if first <= end and begin <= last:
                raise ValueError(f"ports that are not among webrtc.publish_ports ({other})")
        return f"{first}-{last}"

    @field_validator("public_address")
    @classmethod
    def _an_address(cls, address: str) -> str:
        try:
            return str(ipaddress.ip_address(address)) if address else ""
        except ValueError:
            raise ValueError("an IP address, or nothing") from None

    @field_validator("interfaces")
    @classmethod
    def _interfaces(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_INTERFACE.fullmatch(name) for name in names):
            raise ValueError("names of interfaces, such as eth0, or addresses")
        return names

    @field_validator("stun", "turn")
    @classmethod
    def _servers(cls, urls: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        scheme = str(info.field_name)
        for url in urls:
            server(url)
            if not url.startswith(scheme):
                raise ValueError(f"addresses that begin with {scheme}:")
        return urls
