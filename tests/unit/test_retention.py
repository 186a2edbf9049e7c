"""What stays on disk of broadcasts that are over."""

from __future__ import annotations

import os
from pathlib import Path

from ingestd.delivery.delivery import Delivery
from ingestd.delivery.retention import close_leftovers, remove_expired
from tests.hls.rfc8216 import check_media, check_update
from tests.unit.nginx_output import R360, R720, streams

NOW = 1_700_000_000.0


def broadcast(root: Path, name: str, *, channel: str = "demo", ended: bool = True, at: float = NOW) -> Path:
    """A broadcast of one segment, last written at that time."""
    delivery = Delivery(root, channel, name, 1.0, 60.0, 30)
    delivery.begin(0, at, [R720, R360], {})
    for stream in streams(root, name, 0, R720, R360).values():
        stream.cut(1.0)
    delivery.collect(0, 0.0)
    delivery.close_generation()
    if ended:
        delivery.end()
    for path in (*delivery.directory.rglob("*"), delivery.directory):
        os.utime(path, (at, at))
    return delivery.directory


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_what_an_earlier_process_left_open_is_ended(tmp_path: Path) -> None:
    left = broadcast(tmp_path, "left", ended=False)
    before = (left / "720p.m3u8").read_text()
    assert close_leftovers(tmp_path) == 1
    for name in ("720p", "360p"):
        text = (left / f"{name}.m3u8").read_text()
        assert check_media(text, final=True) == []
    assert check_update(before, (left / "720p.m3u8").read_text()) == []
    assert "ENDLIST" not in (left / "index.m3u8").read_text()
    assert "ENDLIST" not in (left.parent / "index.m3u8").read_text()


def test_what_has_ended_is_left_as_it_is(tmp_path: Path) -> None:
    text = (broadcast(tmp_path, "over") / "720p.m3u8").read_text()
    assert close_leftovers(tmp_path) == 0
    assert (tmp_path / "public" / "demo" / "over" / "720p.m3u8").read_text() == text


def test_what_goes_on_is_left_open(tmp_path: Path) -> None:
    on, left = broadcast(tmp_path, "on", ended=False), broadcast(tmp_path, "left", ended=False)
    other = broadcast(tmp_path, "other", channel="other", ended=False)
    before = [(path / "360p.m3u8").read_text() for path in (on, left, other)]
    assert close_leftovers(tmp_path, restored={"on", "other", "gone"}) == 1
    after = [(path / "360p.m3u8").read_text() for path in (on, left, other)]
    assert after == [before[0], f"{before[1]}#EXT-X-ENDLIST\n", before[2]]
    assert close_leftovers(tmp_path, restored={"on", "other"}) == 0


def test_private_segments_also_of_what_goes_on_go(tmp_path: Path) -> None:
    broadcast(tmp_path, "on", ended=False)
    for stream in streams(tmp_path, "on", 1, R720).values():
        stream.cut(1.0)
    close_leftovers(tmp_path, restored={"on"})
    assert list((tmp_path / "private").iterdir()) == []
    assert (tmp_path / "public" / "demo" / "on" / "720p" / "0-0.ts").exists()


def test_private_segments_of_an_earlier_process_go(tmp_path: Path) -> None:
    for stream in streams(tmp_path, "left", 3, R720).values():
        stream.cut(1.0)
        stream.write()
    assert close_leftovers(tmp_path) == 0
    assert tree(tmp_path) == []
    assert (tmp_path / "private").is_dir()


def test_closing_where_nothing_ever_was_is_fine(tmp_path: Path) -> None:
    assert close_leftovers(tmp_path) == 0
    assert remove_expired(tmp_path, 60.0, NOW, ()) == []


def test_a_broadcast_is_kept_for_its_time_and_then_removed(tmp_path: Path) -> None:
    broadcast(tmp_path, "old")
    assert remove_expired(tmp_path, 60.0, NOW + 59.9, ()) == []
    assert remove_expired(tmp_path, 60.0, NOW + 60.1, ()) == ["old"]
    assert tree(tmp_path) == []
    assert not (tmp_path / "public" / "demo").exists()


def test_a_broadcast_that_is_in_use_is_kept_however_old(tmp_path: Path) -> None:
    broadcast(tmp_path, "long")
    assert remove_expired(tmp_path, 60.0, NOW + 1e6, {"long"}) == []
    assert "public/demo/long/720p/0-0.ts" in tree(tmp_path)


def test_the_newest_playlist_counts_not_the_oldest_segment(tmp_path: Path) -> None:
    directory = broadcast(tmp_path, "long")
    os.utime(directory / "360p.m3u8", (NOW + 1000, NOW + 1000))
    assert remove_expired(tmp_path, 60.0, NOW + 1000, ()) == []


def test_the_channel_goes_on_with_the_broadcast_that_it_plays(tmp_path: Path) -> None:
    broadcast(tmp_path, "01-old", at=NOW)
    broadcast(tmp_path, "02-new", at=NOW + 100)
    broadcast(tmp_path, "other", channel="other", at=NOW)
    index = tmp_path / "public" / "demo" / "index.m3u8"
    text = index.read_text()
    assert "\n02-new/720p.m3u8\n" in text
    assert sorted(remove_expired(tmp_path, 60.0, NOW + 100, ())) == ["01-old", "other"]
    assert index.read_text() == text
    assert remove_expired(tmp_path, 60.0, NOW + 200, ()) == ["02-new"]
    assert not index.exists()


def test_what_is_no_broadcast_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "public" / "demo").mkdir(parents=True)
    stray = tmp_path / "public" / "demo" / "stray.txt"
    stray.write_text("x")
    assert remove_expired(tmp_path, 60.0, NOW * 2, ()) == []
    assert stray.exists()
