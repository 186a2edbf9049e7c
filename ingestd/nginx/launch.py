"""How ``ingestd up`` gets its nginx: ports, configuration, start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingestd.accounts.private_files import replace
from ingestd.addresses import LOOPBACK, authority, bind, reachable
from ingestd.errors import StartError
from ingestd.nginx.certificate import Certificate
from ingestd.nginx.config import NginxValues, find_rtmp_module, find_stream_module, render
from ingestd.nginx.server import Nginx, free_port, worker_group, worker_user
from ingestd.safety import rtmp_bind
from ingestd.settings import Settings

_HTTPS = 443
_TRIES = 5  # with port 0: another program may take the port between our look and nginx's


@dataclass(frozen=True, slots=True)
class Ports:
    """nginx's: of HTTP, of RTMP publishers, of the encoders, and of our relays."""

    hls: int
    rtmp: int
    internal: int
    relay: int


class Launch:
    """Writes nginx's configuration below the data directory. ``secret`` is what its callbacks bring."""

    def __init__(self, settings: Settings, data: Path, secret: str) -> None:
        self._settings = settings
        self._data = data
        self._secret = secret

    async def start(self, http_port: int) -> tuple[Nginx, Ports]:
        """nginx on the configured ports; with port 0 on free ones, tried again if one was just taken."""
        settings, tries = self._settings, _TRIES
        where = (
            (settings.http.bind, settings.hls.port, "--hls-port"),
            (rtmp_bind(settings), settings.rtmp.port, "--rtmp-port"),
            (LOOPBACK, settings.rtmp.internal_port, "--set rtmp.internal_port=N"),
            (LOOPBACK, settings.rtmp.relay_port, "--set rtmp.relay_port=N"),
        )
        tls = (
            (self._public, settings.rtmp.tls_port, "--set rtmp.tls_port=N"),
            (settings.http.bind, settings.http.redirect_port, "--set http.redirect_port=N"),
        )
        for host, port, flag in (*where, *tls):
            if port:
                bind(host, port, flag).close()
        while True:
            ports = Ports(*(port or free_port(host) for host, port, _ in where))
            nginx = self._nginx(http_port, ports)
            try:
                await nginx.start()
            except StartError:
                tries -= 1
                if tries == 0:
                    raise
            else:
                return nginx, ports

    @property
    def _public(self) -> str:
        return self._settings.rtmp.bind or self._settings.http.bind

    def _nginx(self, http_port: int, ports: Ports) -> Nginx:
        settings, directory = self._settings, self._data / "nginx"
        directory.mkdir(exist_ok=True)
        user = worker_user(self._data, self._data / "hls" / "private")
        certificate = self._certificate(directory, user)
        config = directory / "nginx.conf"
        replace(config, render(self._values(directory, user, certificate, http_port, ports)))
        return Nginx(
            settings.nginx.program,
            config,
            [
                (reachable(settings.http.bind), ports.hls),
                (reachable(rtmp_bind(settings)), ports.rtmp),
                (LOOPBACK, ports.internal),
                (LOOPBACK, ports.relay),
            ],
            settings.nginx.stop_timeout,
            hang_timeout=settings.nginx.hang_timeout,
            certificate=certificate,
        )

    def _certificate(self, directory: Path, user: str) -> Certificate | None:
        http = self._settings.http
        if http.tls_certificate is None or http.tls_key is None:
            return None
        made = Certificate(http.tls_certificate, http.tls_key, directory / "tls.pem", worker_group(user))
        made.take()
        return made

    def _values(
        self, directory: Path, user: str, certificate: Certificate | None, http_port: int, ports: Ports
    ) -> NginxValues:
        settings, hls = self._settings, self._data / "hls"
        module = find_rtmp_module(settings.nginx.rtmp_module)
        if module is None:
            raise StartError(
                "nginx's rtmp module was not found: install libnginx-mod-rtmp, or set nginx.rtmp_module."
                " `ingestd doctor` checks everything."
            )
        http = authority(reachable(own_bind(settings)), http_port)
        rtmps, rate = settings.rtmp.tls_port, settings.hls.max_requests
        redirect = settings.http.redirect_port
        return NginxValues(
            directory=directory,
            hls=hls,
            rtmp_module=module,
            rtmp_listen=authority(rtmp_bind(settings), ports.rtmp),
            rtmp_inner=f"{LOOPBACK}:{free_port(LOOPBACK)}",
            rtmp_relay=f"{LOOPBACK}:{ports.relay}",
            rtmp_internal=f"{LOOPBACK}:{ports.internal}",
            rtmp_publishers=LOOPBACK,
            callbacks=f"http://{http}/internal/{self._secret}/rtmp",
            watch=f"http://{http}/internal/{self._secret}/watch",
            hls_listen=authority(settings.http.bind, ports.hls),
            http_address=http,
            segment_ms=round(settings.hls.segment * 1000),
            user=user,
            certificate=certificate.copy if certificate else None,
            redirect_listen=authority(settings.http.bind, redirect) if redirect else "",
            redirect_port="" if ports.hls == _HTTPS else f":{ports.hls}",
            stream_module=find_stream_module(),
            rtmps_listen=authority(self._public, rtmps) if rtmps else "",
            trusted_proxies=settings.http.trusted_proxies,
            **({"hls_rate": rate, "hls_burst": 2 * rate} if rate else {"unlimited": ("0.0.0.0/0", "::/0")}),
        )


def own_bind(settings: Settings) -> str:
    """Where ingestd itself listens with its nginx before it: it has no TLS, so under TLS on loopback."""
    return LOOPBACK if settings.http.tls_certificate else settings.http.bind
