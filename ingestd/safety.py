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
_MEND_SERVE = (
    "`ingestd serve` itself has no TLS, whatever http.tls_certificate says: bind to 127.0.0.1 behind an"
    " nginx that has, or say --insecure (http.insecure) if the network between them is yours alone."
)


def unsafe(settings: Settings, *, own_nginx: bool) -> str | None:
    """Why these settings must not be used, and what to set; None if they may.

    ``own_nginx``: an nginx that we configure stands before everything, and has the certificate.
    """
    http, rtmp = settings.http, settings.rtmp
    if (http.tls_certificate is None) != (http.tls_key is None):
        return "http.tls_certificate and http.tls_key belong together: set both."
    if rtmp.tls_port and http.tls_certificate is None:
        return "rtmp.tls_port takes a certificate: set http.tls_certificate and http.tls_key."
    if http.redirect_port and http.tls_certificate is None:
        return "http.redirect_port leads to HTTPS: set http.tls_certificate and http.tls_key."
    if http.insecure or (own_nginx and http.tls_certificate):
        return None
    binds = {"http.bind": http.bind} | ({"rtmp.bind": rtmp_bind(settings)} if own_nginx else {})
    exposed = [f"{name} = {bind!r}" for name, bind in binds.items() if not is_loopback(bind)]
    if not exposed:
        return None
    return f"{' and '.join(exposed)}: {_OTHERS} {_MEND if own_nginx else _MEND_SERVE}"


def rtmp_bind(settings: Settings) -> str:
    """Where our nginx takes RTMP without TLS. With a certificate that is public only if it is asked for:
    the stream key can be read on the way, and there is RTMPS."""
    http = settings.http
    if http.tls_certificate and not http.insecure and not is_loopback(http.bind):
        return settings.rtmp.bind or LOOPBACK
    return settings.rtmp.bind or http.bind


def is_loopback(bind: str) -> bool:
    """Whether only this machine reaches what listens there. A name that is not "localhost" may be any."""
    try:
        return ip_address(bind).is_loopback
    except ValueError:
        return bind == "localhost"
