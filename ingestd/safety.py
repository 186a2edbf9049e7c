"""What ingestd refuses to start with: secrets that anybody on the way could read."""

from __future__ import annotations

from ipaddress import ip_address

from ingestd.addresses import LOOPBACK
from ingestd.settings import Settings

_OTHERS = (
    "others could reach this server, and without TLS whoever is on the way could read passwords, keys and"
    " tokens."
)
_MEND = (
    "Set http.tls_certificate and http.tls_key, or bind to 127.0.0.1, or say --insecure (http.insecure)"
    " if something before it does TLS or the network is yours alone."
)
_MEND_PUBLISHED = (
    "That is INGESTD_LISTEN of compose.yaml: set it to 127.0.0.1, or add config/compose.tls.yaml and a"
    " certificate, or set http.insecure in config/ingestd.toml if something before it does TLS or the network"
    " is yours alone."
)


def unsafe(settings: Settings) -> str | None:
    """Why these settings must not be used, and what to set; None if they may.

    With a certificate nginx alone is public, and has it: ingestd itself is on loopback (:func:`own_bind`).
    """
    http, rtmp = settings.http, settings.rtmp
    if (http.tls_certificate is None) != (http.tls_key is None):
        return "http.tls_certificate and http.tls_key belong together: set both."
    if rtmp.tls_port and http.tls_certificate is None:
        return "rtmp.tls_port takes a certificate: set http.tls_certificate and http.tls_key."
    if http.redirect_port and http.tls_certificate is None:
        return "http.redirect_port leads to HTTPS: set http.tls_certificate and http.tls_key."
    if settings.nginx.upstream and not (_is_address(settings.nginx.upstream) and _is_address(rtmp.host)):
        return "nginx.upstream and rtmp.host: nginx knows ingestd, and ingestd nginx, by an IP address."
    if http.insecure or http.tls_certificate:
        return None
    binds = {"http.bind": http.bind, "rtmp.bind": rtmp_bind(settings)}
    mend = _MEND
    if http.published:
        binds, mend = {"http.published": http.published}, _MEND_PUBLISHED
    exposed = [f"{name} = {bind!r}" for name, bind in binds.items() if not is_loopback(bind)]
    return f"{' and '.join(exposed)}: {_OTHERS} {mend}" if exposed else None


def own_bind(settings: Settings) -> str:
    """Where ingestd itself listens: it has no TLS, so beside an nginx that has on loopback, unless the
    network between them is said to be safe."""
    http = settings.http
    if settings.nginx.upstream:
        return settings.nginx.upstream
    return LOOPBACK if http.tls_certificate and not http.insecure else http.bind


def rtmp_bind(settings: Settings) -> str:
    """Where our nginx takes RTMP without TLS. With a certificate that is public only if it is asked for:
    the stream key can be read on the way, and there is RTMPS."""
    http = settings.http
    if http.tls_certificate and not http.insecure and not is_loopback(http.bind):
        return settings.rtmp.bind or LOOPBACK
    return settings.rtmp.bind or http.bind


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(bind: str) -> bool:
    """Whether only this machine reaches what listens there. A name that is not "localhost" may be any."""
    try:
        return ip_address(bind).is_loopback
    except ValueError:
        return bind == "localhost"
