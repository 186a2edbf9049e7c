"""A live broadcast is sent on to another place, and what happens there touches it in no way."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from ingestd.accounts.model import Target
from ingestd.broadcast.lifecycle import FINAL, State
from ingestd.broadcast.subscriber import Subscriber
from ingestd.delivery.playlist import MediaPlaylist, Segment
from ingestd.encoder.encoder import EncoderSettings
from ingestd.push.pushes import Pushes
from ingestd.push.state import PushState
from ingestd.push.state import State as Pushing
from tests.support.publisher import STOP, dial
from tests.support.remote import Remote, certificate, times, tls_front
from tests.support.server import PATIENCE, Server

HOST = "push.example.org"
KEY = "a-Secret_that-nobody.reads"
CHANNEL = "demo65"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds, made once: to encode them while they are sent takes a machine's time from the test."""
    path = tmp_path_factory.mktemp("push") / "clip.webm"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=15"]
    command += ["-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "10", "-c:a", "libopus"]
    command += ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-g", "15"]
    subprocess.run([*command, str(path)], check=True, timeout=PATIENCE)
    return path


@contextmanager
def on_air(server: Server, clip: Path) -> Iterator[None]:
    """A publisher that goes on until the test has seen enough."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-stream_loop", "-1", "-re", "-i", str(clip)]
    command += ["-c", "copy", "-cluster_time_limit", "250", "-f", "webm", "pipe:1"]
    source = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)

    def send() -> None:
        assert source.stdout
        with dial(server) as connection:
            while data := source.stdout.read(65536):
                connection.send(data)
            connection.close(STOP)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        source.terminate()
        thread.join()
        with source:
            pass  # its pipe is closed, and it is waited for


@dataclass
class Broadcast:
    """What a push sees of a broadcast, read from the server's API and its public playlists."""

    id: str
    channel: str
    state: State
    delivery: SimpleNamespace

    @property
    def open(self) -> bool:
        return self.state not in FINAL


@dataclass
class Broadcasts:
    """Stands for the registry of a server that is another process."""

    server: Server
    found: list[Broadcast] = field(default_factory=list)
    subscriber: Subscriber = field(default_factory=Subscriber)

    def __iter__(self) -> Iterator[Broadcast]:
        return iter(self.found)

    @contextmanager
    def subscribe(self) -> Iterator[Subscriber]:
        yield self.subscriber

    async def watch(self) -> None:
        seen = None
        while True:
            newest = await asyncio.to_thread(self.server.newest)
            if newest and (now := self._read(newest)) != seen:
                seen = now
                self.subscriber.note(self.found[0])  # type: ignore[arg-type]
            await asyncio.sleep(0.1)

    def _read(self, newest: dict[str, str]) -> object:
        directory = self.server.data / "hls/public" / self.server.channel / newest["id"]
        listed = [
            SimpleNamespace(rendition=SimpleNamespace(name=path.stem), media=_media(path.read_text()))
            for path in sorted(directory.glob("*p.m3u8"), reverse=True)
        ]
        delivery = SimpleNamespace(directory=directory, listed=listed)
        made = Broadcast(newest["id"], self.server.channel, State(newest["state"]), delivery)
        if self.found and self.found[0].id == made.id:
            self.found[0].state, self.found[0].delivery = made.state, delivery
        else:
            self.found = [made]
        return made.id, made.state, [one.media for one in listed]


def _media(text: str) -> MediaPlaylist:
    playlist = MediaPlaylist(2, 60.0, ended="#EXT-X-ENDLIST" in text)
    duration, broken = 0.0, False
    for line in text.splitlines():
        if match := re.fullmatch(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", line):
            playlist.sequence = int(match[1])
        elif match := re.fullmatch(r"#EXTINF:([\d.]+),", line):
            duration = float(match[1])
        elif line == "#EXT-X-DISCONTINUITY":
            broken = True
        elif line and not line.startswith("#"):
            playlist.append(Segment(line, duration, 0.0, broken))
            broken = False
    return playlist


async def until(what: str, probe: Callable[[], object], state: Callable[[], object]) -> None:
    """Until it is so; ``state`` is told if that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not probe():
        assert time.monotonic() < deadline, f"waited in vain for {what}: {state()}"
        await asyncio.sleep(0.05)


def told(secret: str) -> list[str]:
    """Command lines and environments of all processes in which the secret stands."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = " ".join([*process.cmdline(), *process.environ().values()])
            found += [process.name()] if secret in words else []
    return found


@contextlib.asynccontextmanager
async def pushing(
    server: Server, targets: list[Target], scratch: Path, client: ssl.SSLContext
) -> AsyncIterator[Pushes]:
    async def resolve(host: str) -> list[str]:
        assert host == HOST
        return ["127.0.0.1"]

    broadcasts = Broadcasts(server)
    made = Pushes(
        broadcasts,
        lambda: targets,
        lambda target: KEY,
        EncoderSettings("ffmpeg", scratch),
        lambda channel: resolve,
        ["127.0.0.1"],
        tls=client,
    )
    watching = asyncio.create_task(broadcasts.watch())
    made.start()
    try:
        yield made
    finally:
        await made.close()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


def check_recording(path: Path, at_least: float) -> None:
    """Whole, in order, and without a hole: also where one generation gave way to the next."""
    found = times(path)
    for kind, longest in (("video", 0.1), ("audio", 0.1)):
        steps = [after - before for before, after in pairwise(found[kind])]
        assert min(steps) >= 0 and max(steps) < longest, (kind, min(steps), max(steps))
        assert found[kind][-1] - found[kind][0] > at_least


def test_an_encoder_dies_and_then_the_other_side(
    server: Server, clip: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory(prefix="ingestd-push-") as root, on_air(server.on(CHANNEL), clip):
        asyncio.run(_story(server.on(CHANNEL), Path(root)))
    said = capfd.readouterr()
    assert KEY not in said.out + said.err + server.logged()
    assert '"backing_off"' in said.out + said.err or "backing_off" in said.out + said.err


async def _story(server: Server, root: Path) -> None:
    serving, client = certificate(root, HOST)
    remote = Remote(root)
    remote.start()
    try:
        async with tls_front(remote.port, serving) as port:
            target = Target("t1", server.channel, f"rtmps://{HOST}:{port}/live", "240p", 0.0)
            async with pushing(server, [target], root, client) as pushes:
                await _watch(server, remote, lambda: pushes.states()["t1"])
            before = remote.recordings(KEY)
            check_recording(before[0], 2.0)
    finally:
        remote.kill()


async def _watch(server: Server, remote: Remote, state: Callable[[], PushState]) -> None:
    await until("media there", lambda: remote.bytes(KEY) > 50_000, state)
    await until("it to push", lambda: state().state is Pushing.PUSHING, state)
    assert state().rendition == "240p"
    first = await asyncio.to_thread(server.wait_state, "live")
    assert told(KEY) == []

    (await asyncio.to_thread(server.encoder, first["id"])).kill()
    await asyncio.to_thread(server.wait_for, "a generation", lambda one: generation(one) == 1)
    await asyncio.to_thread(server.wait_state, "live")
    size = remote.bytes(KEY)
    await until("media of the next generation", lambda: remote.bytes(KEY) > size + 50_000, state)
    # averages, of seconds in which this machine may have stood still
    await until("its own pace", lambda: state().bitrate > 50_000 and 0.5 < state().speed < 1.5, state)
    assert state().connections == 1, "the connection outlives an encoder"
    assert state().sent > size

    remote.kill()
    await until("it is noticed", lambda: state().state is Pushing.BACKING_OFF, state)
    gone = await asyncio.to_thread(server.newest)
    assert gone
    await asyncio.to_thread(server.wait_for, "media", lambda one: one["media_time"] > gone["media_time"] + 2)
    remote.start()
    await until("another recording", lambda: len(remote.recordings(KEY)) == 2, state)
    await until("media there again", lambda: remote.recordings(KEY)[1].stat().st_size > 50_000, state)
    await until("it to push", lambda: state().state is Pushing.PUSHING, state)
    assert state().connections == 2
    last = await asyncio.to_thread(server.wait_state, "live")
    assert last["id"] == first["id"] and generation(last) == 1, "the broadcast was touched"


def generation(broadcast: dict[str, Any]) -> int:
    return int((broadcast["encoder"] or {}).get("generation", -1))
