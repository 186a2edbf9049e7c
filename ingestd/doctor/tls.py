"""Checks of ``ingestd doctor``: what keeps secrets from being read on the way."""

from __future__ import annotations

from ingestd.doctor.finding import Check, Verdict, failed, ok, warning
from ingestd.doctor.programs import Missing, complaint
from ingestd.errors import StartError
from ingestd.nginx.certificate import read_pair
from ingestd.nginx.config import find_stream_module
from ingestd.safety import is_loopback, rtmp_bind, unsafe
from ingestd.settings import Settings

_SOON = 14.0  # days: renewal is late by then, whoever issued the certificate

_GET_STREAM = "Install it (Debian, Ubuntu: apt install libnginx-mod-stream)."
_STREAM = "stream { limit_conn_zone $remote_addr zone=a:32k; ssl_protocols TLSv1.2; }"
_NO_RTMP = "Stream keys can be read on the way: leave rtmp.bind out, and set rtmp.tls_port=1936 for RTMPS."
_RENEW = "Renew it; ingestd takes up the new files by itself."


def exposure(settings: Settings) -> Verdict:
    """Who could read along: 'ingestd up' does not start where others could."""
    if reason := unsafe(settings):
        return failed("'ingestd up' does not start like that", reason)
    http = settings.http
    if http.tls_certificate:
        if not is_loopback(bind := rtmp_bind(settings)):
            return warning(f"HTTPS, but RTMP on {bind} without TLS", _NO_RTMP)
        return ok("HTTPS" + (" and RTMPS" if settings.rtmp.tls_port else ""))
    return ok("without TLS, as http.insecure says" if http.insecure else "this machine only")


def certificate(settings: Settings) -> Verdict:
    """Readable, of the key that is named with it, and good for a while."""
    http = settings.http
    if http.tls_certificate is None or http.tls_key is None:
        return ok("none")
    try:
        pair = read_pair(http.tls_certificate, http.tls_key)
    except StartError as error:
        return failed(
            str(error), "Set http.tls_certificate and http.tls_key to files that this user can read."
        )
    until = f"{http.tls_certificate}, until {pair.expires:%Y-%m-%d}"
    if pair.days < 0:
        return failed(f"{until}: expired", _RENEW)
    return warning(f"{until}: {pair.days:.0f} days", _RENEW) if pair.days < _SOON else ok(until)


def stream_module(settings: Settings) -> Verdict:
    """What RTMP publishers come through: a module that this nginx loads, or built into it."""
    module = find_stream_module()
    try:
        error = complaint(settings.nginx.program, module, _STREAM)
    except Missing:
        return failed("cannot be asked: nginx was not found", "Install nginx first.")
    if error:
        return failed(f"nginx has none: {error}", _GET_STREAM)
    return ok(str(module) if module else "built into nginx")


CHECKS = (
    Check("TLS", exposure),
    Check("Certificate", certificate),
    Check("nginx's stream module", stream_module, of_nginx=True),
)
