"""``ingestd status``: how the server is, in the terminal, for as long as one looks."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ingestd.accounts.directory import Directory
from ingestd.accounts.model import Actor, Scope
from ingestd.addresses import authority, reachable
from ingestd.cli import show
from ingestd.cli.installation import CLI, Commands, check, data_of
from ingestd.cli.options import add_settings, settings_of
from ingestd.cli.status_view import HEADINGS, NOTHING, Status, lines, row
from ingestd.errors import IngestdError, StartError
from ingestd.safety import own_bind
from ingestd.settings import Settings

if TYPE_CHECKING:  # slow to import, and most of it for a terminal only
    import httpx
    from rich.console import RenderableType

_PATIENCE = 5.0  # seconds for an answer
_EVERY = 1.0  # seconds between two looks
_TOKEN_SECONDS = 60.0  # a new one is made for each look
_MEASURED_SECONDS = 10  # of the server's own measurements that are asked for
_STYLES = {"live": "green", "failed": "red", "stalled": "red", "backing_off": "red"}

_DESCRIPTION = """\
How the server is: whether it is ready for a broadcast and why not, and each open broadcast. In a
terminal it goes on until Ctrl-C; elsewhere it is told once.

Beside the installation (its data directory) it needs nothing. Of another machine's server (--server)
INGESTD_TOKEN has to be an admin's token ('ingestd token create --scope admin'); without one only what
is public is shown.
"""

_EPILOG = """\
examples:
  ingestd status
  ingestd status --once || systemctl status ingestd
  ingestd status --json | jq '.broadcasts[] | {channel, state, viewers}'
  INGESTD_TOKEN=$(pass show tv/token) ingestd status --server https://tv.example.org

exit codes:
  0  ready for a broadcast
  1  not ready
  2  not reachable, or wrong usage
"""


def register(commands: Commands) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "status",
        help="how the server is, and each open broadcast, live in the terminal",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--server", metavar="URL", help="a server elsewhere, such as https://tv.example.org")
    command.add_argument("--once", action="store_true", help="tell it once, and end")
    command.add_argument("--json", action="store_true", help="the same as JSON")
    add_settings(command, only=[("data", "dir"), ("http", "bind"), ("http", "port")])
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show it; the exit code."""
    import httpx

    settings = settings_of(arguments)
    own = authority(reachable(own_bind(settings)), settings.http.port)
    url = (arguments.server or f"http://{own}").rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise IngestdError(f"--server {url}: say it with http:// or https:// before it.")
    # a token of ours is for our own server alone
    pass_of = _given if arguments.server or os.environ.get("INGESTD_TOKEN") else lambda: _minted(settings)
    with httpx.Client(timeout=_PATIENCE) as client:

        def look() -> Status:
            return _look(client, url, *pass_of())

        status = look()
        if arguments.json:
            show.as_json(status.as_dict())
        elif arguments.once or not sys.stdout.isatty():
            _tell(status)
        else:
            return _watch(status, look)
    return 0 if status.ready else 1


def _given() -> tuple[str, str]:
    """The token, and without one why there is none."""
    token = os.environ.get("INGESTD_TOKEN", "")
    return token, "" if token else "INGESTD_TOKEN is not set: this is what everybody is told."


def _minted(settings: Settings) -> tuple[str, str]:
    """As :func:`_given`, with the installation's secret."""
    data = data_of(settings)
    try:
        check(data)
        if not settings.auth.secret and not (data / "secret").exists():
            raise StartError(f"The secret that signs tokens is not in {data}.")
        from ingestd.accounts.tokens import Tokens

        tokens = Tokens.open(settings.auth, data, Directory, _revoke_nothing)
        return tokens.mint(CLI, Scope.ADMIN, None, _TOKEN_SECONDS), ""
    except StartError as error:
        return "", f"This is what everybody is told. {error} Or set INGESTD_TOKEN."


async def _revoke_nothing(_id: str, _until: float, _actor: Actor, _subject: str) -> None:
    raise AssertionError("a token of a minute is not revoked")


def _look(client: httpx.Client, url: str, token: str, note: str) -> Status:
    """Ask the server; raises IngestdError in plain words, also where something else answers in JSON."""
    try:
        found = _told(client, url, token, note)
        lines(found)
        for one in found.broadcasts:
            row(one)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise IngestdError(f"{url} answers, but not as ingestd does.") from None
    return found


def _told(client: httpx.Client, url: str, token: str, note: str) -> Status:
    def ask(path: str) -> Any:
        return _asked(client, f"{url}{path}", token)

    ready = ask("/readyz")
    broadcasts = ask("/api/v1/broadcasts")["broadcasts"]
    server = None
    if token:
        measured = ask(f"/api/v1/overview?seconds={_MEASURED_SECONDS}")
        kept = ("disk_bytes", "disk_free_bytes")
        server = ask("/api/v1/server") | {name: measured["machine"][name] for name in kept}
        server["cpu"] = measured["cpu"][-1] if measured["cpu"] else None
    for found in (ready["reasons"], broadcasts):
        if not isinstance(found, list):
            raise TypeError(found)
    return Status(url, tuple(ready["reasons"]), tuple(broadcasts), server, note)


def _asked(client: httpx.Client, url: str, token: str) -> Any:
    import httpx

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = client.get(url, headers=headers)
        found = answer.json()
        if not isinstance(found, dict):
            raise ValueError("no object")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        words = f"The server cannot be reached at {url}: {error}."
        raise IngestdError(
            f"{words} Does it run there? --server or --http-port name another place."
        ) from None
    except ValueError:
        raise IngestdError(f"{url} answers, but not as ingestd does: {answer.status_code}.") from None
    if answer.status_code == 200 or "reasons" in found:
        return found
    said = found.get("error")
    raise IngestdError(f"{url} refuses: {said['message'] if isinstance(said, dict) else answer.status_code}")


def _tell(status: Status) -> None:
    """As plain text."""
    print("\n".join(map(show.plain, lines(status))))
    print()
    if status.broadcasts:
        show.table(HEADINGS, [row(one) for one in status.broadcasts])
    else:
        print(NOTHING)


def _watch(status: Status, look: Callable[[], Status]) -> int:
    """Until Ctrl-C. A server that restarts is waited for."""
    from rich.live import Live

    trouble = ""
    with Live(_drawn(status, trouble), auto_refresh=False) as live:
        try:
            while True:
                time.sleep(_EVERY)
                try:
                    status, trouble = look(), ""
                except IngestdError as error:
                    trouble = str(error)
                live.update(_drawn(status, trouble), refresh=True)
        except KeyboardInterrupt:
            return 2 if trouble else 0 if status.ready else 1


def _drawn(status: Status, trouble: str) -> RenderableType:
    """``trouble``: why this is no longer how it is."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading)
    for one in status.broadcasts:
        cells = [Text(show.plain(cell) or "-") for cell in row(one)]
        cells[1].stylize(_STYLES.get(one["state"], "yellow"))
        table.add_row(*cells)
    first, ready, *more = lines(status)
    colour = "green" if status.ready else "red"
    told = [Text(first, "bold"), Text(ready, colour), *(Text(line) for line in map(show.plain, more))]
    below: RenderableType = table if status.broadcasts else Text(NOTHING)
    return Group(*told, *([Text(show.plain(trouble), "red")] if trouble else []), Text(), below)
