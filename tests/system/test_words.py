"""What a broadcast that is on the air says of itself when its encoder dies or its publisher comes back."""

from __future__ import annotations

from threading import Event, Thread

from tests.support.resumable import Resumable
from tests.support.server import PATIENCE, Server, running, wait_for
from tests.system.numbered import NUMBERED, WINDOW, check_whole, recording

KILLED = "The encoder was killed by the system; it is being restarted. Nothing is lost."


def test_a_broadcast_on_the_air_says_what_happened_and_never_that_it_starts() -> None:
    source = recording()
    data = source.path.read_bytes()
    part = len(data) * 5 // 8  # half a second more than a whole one
    with running(ingest_resume_window=WINDOW, ingest_idle_timeout=2 * PATIENCE, **NUMBERED) as server:
        first = Resumable.start(server)
        first.send(data[:part])
        # and nothing is left that the next encoder could put there, after which all would be well again
        server.wait_for("all in the playlist", lambda one: one["media_time"] >= 1 and one["commit_lag"] < 1)
        (encoder,) = server.children("ffmpeg")
        with watched(server) as said:
            encoder.kill()
            wait_for("its sentence", lambda: KILLED in said.messages)
            first.send(data[part:])
            first.until("status", lambda one: one["state"] == "live" and one["restarts"] >= 1)
            first.vanish()
            server.wait_state("interrupted")
            again = Resumable.resume(server, first.broadcast)
            again.finish()
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
