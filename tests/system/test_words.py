"""What a broadcast that is on the air says of itself when its encoder dies or its publisher comes back."""

from __future__ import annotations

from threading import Event, Thread

from tests.support.resumable import Resumable
from tests.support.server import Server, running
from tests.system.numbered import NUMBERED, WINDOW, check_whole, recording

KILLED = "The encoder was killed by the system; it is being restarted. Nothing is lost."


def test_a_broadcast_on_the_air_says_what_happened_and_never_that_it_starts() -> None:
    source = recording()
    data = source.path.read_bytes()
    half = len(data) // 2
    with running(ingest_resume_window=WINDOW, **NUMBERED) as server:
        first = Resumable.start(server)
        first.send(data[:half])
        server.wait_for("something in the playlist", lambda one: one["media_time"] >= 1)
        (encoder,) = server.children("ffmpeg")
        with watched(server) as said:
            encoder.kill()
            server.wait_for("its sentence", lambda one: one["message"] == KILLED)
            first.send(data[half:])
            first.until("status", lambda one: one["state"] == "live" and one["restarts"] == 1)
            first.vanish()
            server.wait_state("interrupted")
            again = Resumable.resume(server, first.broadcast)
            again.finish()
        assert KILLED in said.messages
        assert not [words for words in said.messages if "first seconds" in words]
        check_whole(server, first.broadcast, 0, source.frames)


class watched:
    """Every sentence of the channel's broadcast that the API shows meanwhile."""

    def __init__(self, server: Server) -> None:
        self.messages: set[str] = set()
        self._server = server
        self._over = Event()
        self._thread = Thread(target=self._look)

    def __enter__(self) -> watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            if newest := self._server.newest():
                self.messages.add(newest["message"])
