"""Files of the public tree: whole or not there, on disk where that is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingestd.delivery.files import is_over, plays, to_disk, write_atomically


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "720p.m3u8"
    for text in ("first", "zweite – ü"):
        write_atomically(path, text)
        assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [(path.name, text.encode())]


def test_a_reader_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "720p.m3u8"
    write_atomically(path, "old")
    with path.open() as reader:
        write_atomically(path, "new")
        assert reader.read() == "old"


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "720p.m3u8"
    write_atomically(path, "old")
    (tmp_path / ".720p.m3u8.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(path, "new")
    assert path.read_text() == "old"


def test_files_are_forced_to_disk_before_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: forced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    for name in ("720p", "360p"):
        (tmp_path / name).mkdir()
    files = [tmp_path / "720p" / "0.ts", tmp_path / "720p" / "1.ts", tmp_path / "360p" / "0.ts"]
    for path in files:
        path.touch()
    before = len(os.listdir("/proc/self/fd"))
    to_disk(files)
    assert forced[:3] == [str(path) for path in files]
    assert sorted(forced[3:]) == [str(tmp_path / "360p"), str(tmp_path / "720p")]
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_is_not_there_cannot_be_forced_to_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        to_disk([tmp_path / "0.ts"])


def test_a_disk_that_fails_is_told_and_no_descriptor_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="Input/output"):
        to_disk([tmp_path])
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, ""),
        ("", ""),
        ("#EXTM3U\n\n#EXT-X-STREAM-INF:BANDWIDTH=1\n0001/720p.m3u8\n", "0001"),
        ("#EXTM3U\n0002/720p.m3u8\n0003/360p.m3u8\n", "0002"),
    ],
)
def test_what_a_channel_plays(tmp_path: Path, text: str | None, found: str) -> None:
    if text is not None:
        (tmp_path / "index.m3u8").write_text(text)
    assert plays(tmp_path) == found


def test_a_broadcast_is_over_when_a_media_playlist_says_so(tmp_path: Path) -> None:
    assert not is_over(tmp_path / "nowhere")
    (tmp_path / "index.m3u8").write_text("#EXT-X-ENDLIST\n")
    (tmp_path / "720p.m3u8").write_text("#EXTM3U\n")
    assert not is_over(tmp_path)
    (tmp_path / "360p.m3u8").write_text("#EXTM3U\n#EXT-X-ENDLIST\n")
    assert is_over(tmp_path)
