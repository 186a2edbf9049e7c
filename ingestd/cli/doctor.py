"""``ingestd doctor``: what is installed and free on this machine, and how to mend what is not."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from ingestd.cli.options import add_settings, settings_of
from ingestd.doctor import machine, programs, tls, webrtc
from ingestd.doctor.finding import Check, Finding, Status
from ingestd.settings import Settings

_CHECK_SECONDS = 10.0

_DESCRIPTION = """\
Check whether 'ingestd up' can run on this machine with these settings: FFmpeg and what it was
built with, nginx and its rtmp module, Janus, ports, the data directory, and the machine itself. One line
for each; under each thing that is missing stands how to mend it. Nothing is changed.
"""

_EPILOG = """\
examples:
  ingestd doctor
  ingestd doctor --http-port 80 --data-dir /srv/ingestd
  ingestd doctor --json | jq '.findings[] | select(.status != "ok")'

exit codes:
  0  all that is needed is there (there may be warnings)
  1  something that is needed is missing
  2  wrong usage, or settings that cannot be used
"""

_MARKS = {Status.OK: "✓", Status.WARNING: "!", Status.FAILED: "✗"}
_PLAIN_MARKS = {Status.OK: "ok  ", Status.WARNING: "warn", Status.FAILED: "FAIL"}


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "doctor",
        help="check what is installed, and say how to mend what is missing",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--json", action="store_true", help="print the findings as JSON")
    add_settings(command)
    command.set_defaults(run=run_command)


def run_command(arguments: argparse.Namespace) -> int:
    """Check everything; the exit code."""
    settings = settings_of(arguments)
    every = (*programs.CHECKS, *webrtc.CHECKS, *tls.CHECKS, *machine.CHECKS)
    checks = [check for check in every if not (check.of_nginx and settings.nginx.upstream)]
    if arguments.json:
        findings = [examine(check, settings) for check in checks]
        print(json.dumps(report(findings), indent=2))
    else:
        findings = [_show(examine(check, settings)) for check in checks]
        print(_verdict(findings, "serve" if settings.nginx.upstream else "up"))
    return 0 if _fine(findings) else 1


def report(findings: Sequence[Finding]) -> dict[str, object]:
    """What ``--json`` prints."""
    return {"ok": _fine(findings), "findings": [dataclasses.asdict(finding) for finding in findings]}


def examine(check: Check, settings: Settings, seconds: float = _CHECK_SECONDS) -> Finding:
    """Run one check for up to ``seconds``. One that raises or hangs is a finding of its own."""
    answer: SimpleQueue[Finding] = SimpleQueue()
    # A daemon thread: a file system that hangs, hangs for good, and must not hold the others up.
    Thread(target=lambda: answer.put(_guarded(check, settings)), daemon=True, name=check.name).start()
    try:
        return answer.get(timeout=seconds)
    except Empty:
        remedy = "Something hangs: a network file system, or a machine under great load?"
        return Finding(check.name, Status.FAILED, f"no answer within {seconds:g} s", remedy)


def _guarded(check: Check, settings: Settings) -> Finding:
    try:
        return check(settings)
    except Exception as error:
        remedy = "The check itself failed, which is a fault of ingestd: please report it."
        return Finding(check.name, Status.FAILED, f"cannot be checked: {error!r}", remedy)


def _fine(findings: Sequence[Finding]) -> bool:
    return all(finding.status is not Status.FAILED for finding in findings)


def _show(finding: Finding) -> Finding:
    """Print a finding at once, for checks can take a moment."""
    marks = _marks(sys.stdout.encoding)
    mark = marks[finding.status]
    lines = [f"{mark} {finding.name}: {finding.detail}"]
    if finding.remedy:
        lines.append(f"{' ' * len(mark)} → {finding.remedy}")
    print(_printable("\n".join(lines)), flush=True)
    return finding


def _verdict(findings: Sequence[Finding], command: str) -> str:
    failed = sum(finding.status is Status.FAILED for finding in findings)
    if not failed:
        return f"All that is needed is there: 'ingestd {command}' can start."
    return f"{failed} of {len(findings)} checks failed."


def _marks(encoding: str | None) -> dict[Status, str]:
    try:
        "".join(_MARKS.values()).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _PLAIN_MARKS
    return _MARKS


def _printable(text: str) -> str:
    """The text as stdout can take it."""
    encoding = sys.stdout.encoding or "ascii"
    return (
        text.replace("→", "->" if _marks(encoding) is _PLAIN_MARKS else "→")
        .encode(encoding, "replace")
        .decode(encoding)
    )
