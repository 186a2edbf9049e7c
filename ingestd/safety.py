"""What ingestd refuses to start with: secrets that anybody on the way could read."""

from __future__ import annotations

from ipaddress import ip_address

from ingestd.settings import Settings

_MEND = (
    "Set http.tls_certificate and http.tls_key, or bind to 127.0.0.1, or say --insecure (http.insecure)"
    " if something before it does TLS or the network is yours alone."
)


def unsafe(settings: Settings) -> str | None:
    """Why these settings must not be used, and what to set; None if they may."""
    http, rtmp = settings.http, settings.rtmp
    if (http.tls_certificate is None) != (http.tls_key is None):
        return "http.tls_certificate and http.tls_key belong together: set both."
    if rtmp.tls_port and http.tls_certificate is None:
        return "rtmp.tls_port takes a certificate: set http.tls_certificate and http.tls_key."
    if http.tls_certificate or http.insecure:
        return None
    binds = {"http.bind": http.bind, "rtmp.bind": rtmp.bind or http.bind}
    exposed = [f"{name} = {bind!r}" for name, bind in binds.items() if not is_loopback(bind)]
    if not exposed:
        return None
    return (
        f"{' and '.join(exposed)}: others could reach this server, and without TLS whoever is on the way"
        f" could read passwords, keys and tokens. {_MEND}"
    )


def is_loopback(bind: str) -> bool:
    """Whether only this machine reaches what listens there. A name that is not "localhost" may be any."""
    try:
        return ip_address(bind).is_loopback
    except ValueError:
        return bind == "localhost"
