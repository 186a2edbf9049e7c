"""A browser that broadcasts by the WebSocket: what FFmpeg encodes now, in a message for every 250 ms."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import imageio_ffmpeg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.support.publisher import STOP, dial
from tests.support.server import Server
from tests.support.timecode import RATE, SMALL, Source, pipe

_TIMESLICE = 0.25  # seconds, as on our page
_KEYFRAMES = ["-g", f"{2 * RATE}"]
_VIDEO = {
    "vp8": ["libvpx", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-b:v", "1M"],
    "h264": ["libx264", "-profile:v", "baseline", "-preset", "ultrafast", "-tune", "zerolatency"],
}
_SOUND = ["-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
_MATROSKA = ["-cluster_time_limit", "100", "-flush_packets", "1", "-f", "matroska", "-live", "1", "pipe:1"]


class Recorder:
    """``source``: of its pictures."""

    def __init__(
        self, connection: ClientConnection, codec: str, *, sound: bool, size: tuple[int, int]
    ) -> None:
        self._connection = connection
        self._waiting = b""
        self._lock = threading.Lock()
        self._over = threading.Event()
        program = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error"]
        tracks = ["-map", "0:v", *(["-map", "1:a", "-c:a", "libopus", "-b:a", "64k"] if sound else [])]
        inputs = [*pipe(size), *(_SOUND if sound else [])]
        encoded = ["-c:v", *_VIDEO[codec], *_KEYFRAMES, *_MATROSKA]
        self.source = Source([*program, *inputs, *tracks, *encoded], self._take, size)
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """All of it is sent, and the recording is over."""
        self.source.close()
        self._over.set()
        self._thread.join(20)

    def _take(self, data: bytes) -> None:
        with self._lock:
            self._waiting += data

    def _send(self) -> None:
        last = False
        while not last:
            last = self._over.wait(_TIMESLICE)
            with self._lock:
                data, self._waiting = self._waiting, b""
            with suppress(ConnectionClosed):  # the test has said that this was all
                if data:
                    self._connection.send(data)


@contextmanager
def recording(
    connection: ClientConnection, codec: str = "vp8", *, sound: bool = True, size: tuple[int, int] = SMALL
) -> Iterator[Recorder]:
    """One recording on a connection, until the end of the block."""
    made = Recorder(connection, codec, sound=sound, size=size)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def broadcasting(
    server: Server, codec: str = "vp8", *, sound: bool = True, size: tuple[int, int] = SMALL
) -> Iterator[Recorder]:
    """The same from connect to stop; it is live when the block begins."""
    with dial(server) as connection:
        with recording(connection, codec, sound=sound, size=size) as made:
            server.wait_state("live")
            yield made
        connection.close(STOP)
