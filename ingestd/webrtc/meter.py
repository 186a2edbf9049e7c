"""Asks one Janus every few seconds how each of its peers does, over its admin API.

Nothing waits for it. A Janus that does not answer leaves what it has said before.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from ingestd.tasks import Tasks
from ingestd.webrtc.figures import Figures, Sums, figures
from ingestd.webrtc.gateway import connected
from ingestd.webrtc.janus_config import Role
from ingestd.webrtc.messages import parse

log = structlog.get_logger("ingestd.webrtc.meter")

EVERY = 5.0  # seconds between two rounds

_OPEN_SECONDS = 2.0
_ROUND_SECONDS = 4.0  # for all answers together; one takes about a millisecond
_PROTOCOL = "janus-admin-protocol"


class Meter:
    """``secret``: Janus's admin secret; ``handles``: session and handle of whoever may be a peer.

    ``peers``: those that were connected at the last round, by handle; ``sums``: of all that there were.
    Whoever leaves takes along what came after the last round before that.
    """

    def __init__(
        self, role: Role, socket: Path, secret: str, handles: Callable[[], Sequence[tuple[int, int]]]
    ) -> None:
        self.role = role
        self.peers: dict[int, Figures] = {}
        self.sums = Sums()
        self._socket = socket
        self._secret = secret
        self._handles = handles
        self._tasks = Tasks(f"meter/{role}")

    def start(self) -> None:
        self._tasks.spawn(self._run(), "run", eternal=True)

    async def close(self) -> None:
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.measure()
            except (OSError, WebSocketException, ValueError) as error:  # TimeoutError is an OSError, too
                log.debug("peers_not_measured", role=self.role, reason=str(error) or type(error).__name__)
            await asyncio.sleep(EVERY)

    async def measure(self) -> None:
        """One round. Raises OSError, WebSocketException, and ValueError for what is no answer."""
        found: dict[int, Figures] = {}
        if handles := self._handles():
            async with (
                asyncio.timeout(_ROUND_SECONDS),
                connected(self._socket, _OPEN_SECONDS, _PROTOCOL) as connection,
            ):
                for session, handle in handles:
                    if one := figures(self.role, await self._info(connection, session, handle)):
                        found[handle] = one
        self.peers = found
        self.sums.take(found)

    async def _info(self, connection: ClientConnection, session: int, handle: int) -> dict[str, Any]:
        """Of who has gone meanwhile it is an error, which has no figures in it."""
        asked = {"janus": "handle_info", "session_id": session, "handle_id": handle}
        await connection.send(json.dumps({**asked, "transaction": "info", "admin_secret": self._secret}))
        if (answer := parse(await connection.recv())) is None:
            raise ValueError("that is no message of Janus")
        return answer.data
