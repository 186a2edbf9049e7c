"""What is done to a broadcast. Each fault is a function with a name and a sentence.

A fault that strikes at one broadcast is done to every one of its scene at once; a fault of nginx, of
the daemon, of the disk or of the clock hits whatever its server carries.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import psutil

from tests.chaos.cast import Cast
from tests.chaos.clip import CODECS, RTMP, WHIP
from tests.chaos.stage import Stage, can_mount, faketime, why_no_webrtc
from tests.support.server import wait_for

_ROW = 5  # deaths of an encoder, one right after the other
_SENDING_AGAIN = 2000  # bytes: more than a handshake, less than a piece of media


@dataclass(frozen=True, slots=True)
class Scene:
    """Broadcasts that have the same fault at the same time, on one server."""

    stage: Stage
    casts: tuple[Cast, ...]
    chance: Random

    def each(self, act: Callable[[Cast], object]) -> None:
        """Do something to all broadcasts side by side."""
        with ThreadPoolExecutor(len(self.casts)) as pool:
            for done in [pool.submit(act, cast) for cast in self.casts]:
                done.result()

    def struck(self) -> None:
        for cast in self.casts:
            cast.struck()


Act = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """``lasts``: seconds for which it goes on. ``whole``: it hits the whole server.

    ``during``: recording has to go on all the while, or the fault would not be the one that is meant.
    ``loses``: seconds of pictures that it may cost, in one piece, as its sentence says.
    """

    name: str
    sentence: str
    act: Act
    lasts: float = 0.0
    whole: bool = False
    inside: bool = False  # of the encoder alone: no publisher can notice it
    behind: bool = False  # nor can one by WebRTC
    webrtc: bool = False  # of what only WebRTC has
    loses: float = 0.0
    during: bool = False
    switch: bool = False  # two recordings, one after the other
    small_disk: bool = False
    clock: bool = False

    @property
    def codecs(self) -> tuple[str, ...]:
        """Of the publishers that keep what they send; it strikes them in turns."""
        return () if self.webrtc else CODECS

    @property
    def keeping_nothing(self) -> tuple[str, ...]:
        """Whoever keeps nothing and has to outlive it, too."""
        return (RTMP,) * self.inside + (WHIP,) * (self.inside or self.behind or self.webrtc)

    def obstacle(self) -> str:
        """Why it cannot be done on this machine; empty: it can."""
        if self.webrtc and (why := why_no_webrtc()):
            return why
        if self.small_disk and not can_mount():
            return "no file system can be mounted here; it takes root"
        if self.clock and not faketime():
            return "libfaketime is missing: apt-get install faketime"
        return ""


# The encoder


def kill_encoder(scene: Scene) -> None:
    scene.struck()
    scene.each(lambda cast: cast.encoder().kill())


def stop_encoder(scene: Scene) -> None:
    scene.struck()
    scene.each(lambda cast: cast.encoder().suspend())


def kill_encoder_in_a_row(scene: Scene) -> None:
    def kill(cast: Cast) -> None:
        last = 0
        for _ in range(_ROW):
            found = cast.encoder(other_than=last)
            found.kill()
            last = found.pid

    scene.struck()
    scene.each(kill)


# WebRTC


def kill_relay(scene: Scene) -> None:
    scene.struck()
    scene.each(lambda cast: cast.relay().kill())


def kill_janus_of_viewers(scene: Scene) -> None:
    scene.struck()
    (found,) = [one for one in scene.stage.children("janus") if one.cwd().endswith("/out")]
    found.kill()


# The connection


def cut(seconds: float) -> Act:
    def act(scene: Scene) -> None:
        scene.struck()
        scene.each(lambda cast: cast.proxy.cut())
        time.sleep(seconds)
        scene.each(lambda cast: cast.proxy.restore())

    return act


def black_hole(seconds: float) -> Act:
    def act(scene: Scene) -> None:
        scene.struck()
        scene.each(lambda cast: cast.proxy.black_hole())
        time.sleep(seconds)
        scene.each(lambda cast: cast.proxy.restore())

    return act


def throttle(seconds: float) -> Act:
    def act(scene: Scene) -> None:
        scene.struck()
        scene.each(lambda cast: cast.proxy.throttle(cast.clip.bytes_per_second / 2))
        time.sleep(seconds)
        scene.each(lambda cast: cast.proxy.restore())

    return act


def switch(scene: Scene) -> None:
    """Nothing to do: the clip has two recordings in it."""
    for cast in scene.casts:
        cast.fault = cast.clip.seconds / 2


def kill_encoder_and_cut(seconds: float) -> Act:
    def act(scene: Scene) -> None:
        kill_encoder(scene)
        cut(seconds)(scene)

    return act


# nginx


def kill_nginx_worker(scene: Scene) -> None:
    family = scene.stage.children("nginx")
    masters = {process.pid for process in family}
    scene.struck()
    for process in family:
        with suppress(psutil.NoSuchProcess):  # one of them lives for nginx's first minute only
            if process.ppid() in masters:
                process.kill()


def kill_nginx(scene: Scene) -> None:
    scene.struck()
    for process in scene.stage.children("nginx"):
        with suppress(psutil.NoSuchProcess):  # whose master has died before it
            process.kill()


# The daemon


def kill_daemon(scene: Scene) -> None:
    scene.struck()
    restart(scene, signal.SIGKILL)


def terminate_daemon(scene: Scene) -> None:
    scene.struck()
    restart(scene, signal.SIGTERM)


def kill_daemon_and_nginx(scene: Scene) -> None:
    kill_nginx(scene)
    restart(scene, signal.SIGKILL)


def restart(scene: Scene, number: int) -> None:
    """And look how soon publishers send again once the port is open."""
    before: dict[str, int] = {}
    opened = scene.stage.restart(
        number, lambda: before.update({cast.channel: cast.proxy.upward for cast in scene.casts})
    )

    def wait(cast: Cast) -> None:
        enough = before[cast.channel] + _SENDING_AGAIN
        wait_for("a publisher", lambda: cast.proxy.upward > enough)
        cast.again = time.monotonic() - opened

    scene.each(wait)
    scene.stage.wait_ready()


# The machine


def fill_disk(seconds: float) -> Act:
    def act(scene: Scene) -> None:
        scene.struck()
        scene.stage.fill_disk()
        time.sleep(seconds)
        scene.stage.free_disk()

    return act


def step_clock(scene: Scene) -> None:
    scene.struck()
    scene.stage.step_clock(scene.chance.choice((3600, -3600)))


FAULTS = (
    Fault("encoder-killed", "the encoder is killed (SIGKILL)", kill_encoder, inside=True),
    Fault("encoder-stopped", "the encoder is stopped (SIGSTOP)", stop_encoder, lasts=8, inside=True),
    Fault(
        "encoder-row",
        "the encoder is killed five times in a row",
        kill_encoder_in_a_row,
        lasts=8,
        inside=True,
    ),
    Fault("cut-1", "the connection is cut for 1 s", cut(1), lasts=1),
    Fault("cut-10", "the connection is cut for 10 s", cut(10), lasts=10),
    Fault("cut-50", "the connection is cut for 50 s", cut(50), lasts=50),
    Fault("black-hole-1", "the connection is a black hole for 1 s", black_hole(1), lasts=1),
    Fault("black-hole-10", "the connection is a black hole for 10 s", black_hole(10), lasts=10),
    Fault("black-hole-50", "the connection is a black hole for 50 s", black_hole(50), lasts=50),
    Fault("throttled", "half the bitrate gets through for 20 s", throttle(20), lasts=20, during=True),
    Fault("source-switched", "the source is switched from camera to screen", switch, switch=True),
    Fault(
        "encoder+cut",
        "the encoder is killed, and the connection cut for 5 s",
        kill_encoder_and_cut(5),
        lasts=5,
    ),
    Fault("nginx-worker", "nginx's worker is killed", kill_nginx_worker, whole=True, behind=True),
    Fault("nginx-killed", "nginx is killed, master and workers", kill_nginx, whole=True, behind=True),
    Fault("daemon-killed", "the daemon is killed (SIGKILL)", kill_daemon, whole=True),
    Fault("daemon-terminated", "the daemon is restarted (SIGTERM)", terminate_daemon, whole=True),
    Fault("daemon+nginx", "nginx and the daemon are killed at once", kill_daemon_and_nginx, whole=True),
    Fault(
        "disk-full",
        "the disk is full for 10 s",
        fill_disk(10),
        lasts=10,
        whole=True,
        behind=True,
        small_disk=True,
    ),
    Fault(
        "clock-stepped", "the clock is stepped by an hour", step_clock, whole=True, behind=True, clock=True
    ),
    Fault("watch-janus", "the Janus of viewers is killed", kill_janus_of_viewers, webrtc=True),
    Fault(
        "relay-killed",
        "what receives WebRTC for the encoder is killed: the pictures up to a keyframe are lost",
        kill_relay,
        webrtc=True,
        loses=6,
    ),
)
