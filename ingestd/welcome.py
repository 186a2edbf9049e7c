"""Where this server is reached, and what its operator reads when it is ready."""

from __future__ import annotations

from dataclasses import dataclass

from ingestd.accounts.installation import FirstStart
from ingestd.addresses import LOOPBACK, authority, reachable
from ingestd.nginx.launch import Ports
from ingestd.safety import is_loopback, own_bind, rtmp_bind
from ingestd.settings import Settings
from ingestd.web.api.models import Rtmp


@dataclass(frozen=True, slots=True)
class Addresses:
    """Made from the settings and the ports that were taken. ``own_nginx``: we have configured it."""

    settings: Settings
    http: int
    nginx: Ports
    own_nginx: bool

    @property
    def tls(self) -> bool:
        return self.settings.http.tls_certificate is not None

    @property
    def host(self) -> str:
        """What people type."""
        http = self.settings.http
        return http.public_host or reachable(http.published or http.bind)

    @property
    def page(self) -> str:
        """Where people begin."""
        if self.own_nginx:
            return self._hls
        return f"http://{authority(self.host, self.http)}"

    @property
    def _hls(self) -> str:
        scheme, usual = ("https", 443) if self.tls else ("http", 80)
        where = authority(self.host, self.nginx.hls)
        return f"{scheme}://{where.removesuffix(f':{usual}')}"

    @property
    def rtmp(self) -> Rtmp:
        """For people's encoders. A host is told if one was named: pages know by which they were reached."""
        host = self.settings.http.public_host
        return Rtmp(
            host=f"[{host}]" if ":" in host else host or None,
            port=self.nginx.rtmp,
            tls_port=self.settings.rtmp.tls_port or None,
            local=self.own_nginx and is_loopback(rtmp_bind(self.settings)),
        )

    @property
    def obs(self) -> str:
        """The server that encoders publish to, and who can reach it, or read what is sent there."""
        rtmp = self.rtmp
        if rtmp.tls_port:
            return f"rtmps://{authority(self.host, rtmp.tls_port)}/live"
        if not rtmp.local:
            plain = f"rtmp://{authority(self.host, rtmp.port)}/live"
            return f"{plain} (without TLS: stream keys can be read on the way)"
        here = f"rtmp://{authority(LOOPBACK, rtmp.port)}/live"
        return f"{here} (this machine only; rtmp.tls_port=1936 is RTMPS for others)" if self.tls else here

    def ready(self, channel: str, stream_key: str, token: str) -> dict[str, object]:
        """The contents of the ready file: for programs on this machine."""
        own = own_bind(self.settings)
        return {
            "http": f"http://{authority(reachable(own), self.http)}",
            "hls": self._hls,
            "rtmp": f"rtmp://{authority(reachable(rtmp_bind(self.settings)), self.nginx.rtmp)}/live",
            "channel": channel,
            "stream_key": stream_key,
            "token": token,
        }


def welcome(addresses: Addresses, channel: str, secret: str, first: FirstStart | None) -> str:
    """What the operator reads. ``secret``: empty once the first stream key has been revoked."""
    link = addresses.page
    lines = ["", "ingestd is ready.", ""]
    lines += [f"  Go live   {link}/broadcast#{secret}" if secret else f"  Go live   {link}/broadcast"]
    lines += [f"  Watch     {link}/watch/{channel}", f"  OBS       {addresses.obs}"]
    lines += [f"  Who is on {link}/", f"  Sign in   {link}/sign-in"]
    if first:
        lines[-1] += f" as {first.admin}, password {first.password}"
        lines += ["", "The password is shown this once: note it, or change it under /account."]
    if secret:
        lines += ["", "The first link carries the channel's secret: keep it to yourself."]
    return "\n".join([*lines, "Ctrl-C ends everything.", ""])


def discreet(addresses: Addresses, first: FirstStart | None, command: str = "ingestd") -> str:
    """The same where others read it, as in a journal: no secret, but the ``command`` that gives one."""
    link = addresses.page
    lines = [f"ingestd is ready: {link}/"]
    if first:
        name = first.admin
        lines.append(
            f"Sign in at {link}/sign-in as {name}; first give it a password: {command} user password {name}"
        )
    return "\n".join(lines)
