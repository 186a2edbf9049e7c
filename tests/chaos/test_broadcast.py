"""What watches a broadcast, on a server that says what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.boxes.common import wait_for
from tests.chaos.broadcast import Broadcast, Publisher, Standstill
from tests.chaos.clip import Clip

MEDIA = b"#EXTM3U\n"
MULTIVARIANT = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n144p.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\n72p.m3u8\n"


class Told:
    """A server that has one broadcast."""

    def __init__(self, **more: Any) -> None:
        self.found = {
            "id": "b",
            "hls": "/hls/c",
            "media_time": 3.0,
            "commit_lag": 1.5,
            "state": "live",
        } | more
        self.fetched: list[str] = []

    def look(self, channel: str) -> dict[str, Any]:
        assert channel == "c"
        return self.found

    def fetch(self, path: str) -> bytes:
        self.fetched.append(path)
        return MULTIVARIANT if path.endswith("index.m3u8") else MEDIA + b"#EXT-X-ENDLIST\n"


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    made = Publisher(["sh", "-c", "echo no room; exit 1"], {}, tmp_path / "said")
    made.wait(60)
    yield made
    made.end()


def broadcast(server: Told, publisher: Publisher) -> Broadcast:
    return Broadcast(server, Clip(Path("clip"), "vp8", 0, 30), "c", publisher)


def test_a_fault_is_where_what_has_been_received_ends(publisher: Publisher) -> None:
    one = broadcast(Told(), publisher)
    one.wait_on_air(2.0, 60)
    one.struck()
    assert one.fault >= 4.5
    first = one.fault
    one.struck()
    assert one.fault == first
    one.close()


def test_the_smallest_rendition_is_watched(publisher: Publisher) -> None:
    server = Told()
    one = broadcast(server, publisher)
    one.wait_on_air(2.0, 60)
    wait_for("a look", lambda: "/hls/c/b/72p.m3u8" in server.fetched)
    one.close()


def test_what_does_not_come_on_the_air_says_why(publisher: Publisher) -> None:
    one = broadcast(Told(media_time=1.0), publisher)
    with pytest.raises(AssertionError, match="no room"):
        one.wait_on_air(2.0, 0)
    one.close()


def test_another_broadcast_in_its_place_is_trouble(publisher: Publisher) -> None:
    server = Told()
    one = broadcast(server, publisher)
    one.wait_on_air(2.0, 60)
    server.found |= {"id": "other", "state": "ended"}
    assert one.finish(60) == ["the publisher's exit code is 1: no room", "other has taken the place of b"]
    one.close()


def test_a_playlist_is_watched_to_its_end_whatever_comes_between() -> None:
    texts: Iterator[bytes | OSError] = iter([b"a", b"a", OSError(), b"b", b"b", b"c\n#EXT-X-ENDLIST"])

    def fetch(_path: str) -> bytes:
        found = next(texts)
        if isinstance(found, OSError):
            raise found
        return found

    watched = Standstill(fetch, "x")
    wait_for("the end", lambda: len(watched.changes) == 3)
    watched.stop()
    steps = [later - earlier for earlier, later in zip(watched.changes, watched.changes[1:], strict=False)]
    assert watched.longest == max(steps) > 0
