"""Checks of ``ingestd doctor``: Janus, which WebRTC takes, and the servers that peers are told of. All else
works without."""

from __future__ import annotations

import re

from ingestd.doctor.finding import Check, Verdict, ok, warning
from ingestd.doctor.programs import Missing, ask
from ingestd.doctor.stun import answers
from ingestd.settings import Settings
from ingestd.settings.webrtc import server
from ingestd.webrtc.janus import find, find_libraries, libraries_missing

_OLDEST = (1, 1)
_GET = "Install Janus 1.1 or newer (Debian, Ubuntu: apt install janus; its own service may stay off),"
_MEND_RELAY = "Start it, open its port in firewalls, or take it out of webrtc.stun and webrtc.turn."
_SET_SECRET = "Set webrtc.turn_secret_file to what coturn has as static-auth-secret."
_GET_PROGRAM = f"{_GET} or set webrtc.program; without it set webrtc.enabled to false."


def janus(settings: Settings) -> Verdict:
    """Janus is there, not too old, and with it what it loads."""
    if not settings.webrtc.enabled:
        return ok("not wanted: WebRTC is switched off (webrtc.enabled)")
    program = settings.webrtc.program
    try:
        said = ask(program, "--version").stdout  # said whether it knows that option or not
    except Missing:
        return warning(f"{program} not found: no WebRTC, neither WHIP nor WHEP", _GET_PROGRAM)
    version = parse_version(said)
    if version is None:
        return warning(f"{find(program)} does not tell its version", _GET_PROGRAM)
    words = f"{find(program)}, version {'.'.join(map(str, version))}"
    if version < _OLDEST:
        return warning(f"{words} is too old", _GET_PROGRAM)
    if find_libraries() is None:
        return warning(f"{words}, but not {', '.join(libraries_missing())}", f"{_GET} with its plugins.")
    return ok(f"{words}, and its plugins in {find_libraries()}")


def relays(settings: Settings) -> Verdict:
    """The STUN and TURN servers answer us; those by TLS are not asked. Nothing is said of the secret."""
    told = (*settings.webrtc.stun, *settings.webrtc.turn) if settings.webrtc.enabled else ()
    asked = [url for url in told if not url.startswith("turns:")]
    silent = [url for url in asked if not _answers(url)]
    if silent:
        return warning(f"no answer from {', '.join(silent)}", _MEND_RELAY)
    if settings.webrtc.turn and settings.webrtc.enabled and not settings.webrtc.turn_secret:
        return warning("TURN without a secret: it lets nobody in", _SET_SECRET)
    return ok(f"{', '.join(asked)}" if asked else "none")


def _answers(url: str) -> bool:
    try:
        return answers(*server(url), tcp=url.endswith("transport=tcp"))
    except OSError:
        return False


def parse_version(text: str) -> tuple[int, ...] | None:
    """``Janus version: 1102 (1.1.2)`` is (1, 1, 2); None: it does not stand there."""
    found = re.search(r"^Janus version: \d+ \((\d+)\.(\d+)\.(\d+)\)", text, re.MULTILINE)
    return tuple(map(int, found.groups())) if found else None


CHECKS = (Check("Janus", janus), Check("STUN and TURN", relays))
