"""``/ws`` with the subprotocol ``ingestd.echo``: says back what it is told, to whoever asks.

So a page finds out whether WebSockets come through all that stands between, both ways, and how long that
takes, by the very address that publishers use. It is for everybody, and therefore brief and small: what goes
out is never more than what came in.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from ingestd.errors import Code, Refusal, Refused
from ingestd.ingest.origin import Origins
from ingestd.ingest.places import Places

PROTOCOL = "ingestd.echo"
LARGEST = 1024  # bytes of a message

_MESSAGES = 20  # on one connection
_SECONDS = 10.0
_AT_ONCE, _OF_ONE = 20, 4
_AGAIN = 5  # seconds

_FULL = Refusal(Code.NO_CAPACITY, "Too many connections are being checked now. Try again soon.", _AGAIN)
_YOURS = Refusal(Code.TOO_MANY, "Your address checks too many connections at once.", _AGAIN)


class Echo:
    """``seconds`` that one lasts at most."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._places = Places(_AT_ONCE, _OF_ONE, _FULL, _YOURS)
        self._seconds = seconds

    async def serve(self, websocket: WebSocket, origins: Origins) -> None:
        """One connection, start to end. Refusals are close codes: a browser cannot see the status of a failed
        upgrade."""
        await websocket.accept(subprotocol=PROTOCOL)
        code, reason = 1000, ""
        try:
            if refusal := origins.refusal(websocket):
                raise Refused(refusal)
            with self._places.place(websocket.client.host if websocket.client else ""):
                await self._answer(websocket)
        except Refused as error:
            code, reason = error.refusal.close_code, error.refusal.close_reason
        except WebSocketDisconnect:
            return
        with suppress(RuntimeError):  # it has closed at the same moment
            await websocket.close(code, reason)

    async def _answer(self, websocket: WebSocket) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                for _ in range(_MESSAGES):
                    message = await websocket.receive()
                    if message["type"] == "websocket.disconnect":
                        raise WebSocketDisconnect(message["code"])
                    if (data := message.get("bytes")) is not None:
                        await websocket.send_bytes(data)
                    else:
                        await websocket.send_text(message["text"])


def asked(websocket: WebSocket) -> bool:
    """Whether a client wants that."""
    return PROTOCOL in (websocket.scope.get("subprotocols") or [])
