"""What may stand in a backup."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import pytest

from ingestd.backup.contents import FORMAT, Manifest, Unusable, parse, place

NEWEST = "0007"
PICTURE = "pictures/0123456789abcdef-fedcba9876543210-1280x720.jpg"
MADE = Manifest(FORMAT, "0.1.0", "2026-11-21T16:33:12+00:00", NEWEST, False)


def changed(**changes: Any) -> bytes:
    return json.dumps(json.loads(MADE.text()) | changes).encode()


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert parse(MADE.text(), NEWEST) == MADE


@pytest.mark.parametrize("changes", [{"format": FORMAT + 1}, {"revision": "0008"}])
def test_what_a_newer_ingestd_made_is_left_to_it(changes: dict[str, Any]) -> None:
    with pytest.raises(Unusable, match=r"made by a newer ingestd \(9.9\)"):
        parse(changed(ingestd="9.9", **changes), NEWEST)


@pytest.mark.parametrize("revision", ["0001", ""])
def test_an_older_one_and_one_without_a_database_are_taken(revision: str) -> None:
    assert parse(changed(revision=revision), NEWEST).revision == revision


@pytest.mark.parametrize("text", [b"", b"\xff", b"[]", b"7", b"{}", changed(format="one")])
def test_what_is_no_manifest(text: bytes) -> None:
    with pytest.raises(Unusable, match="no backup"):
        parse(text, NEWEST)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("data/ingestd.db", "ingestd.db"),
        ("data/secret.previous", "secret.previous"),
        ("data/hls/public/demo/66/index.m3u8", "hls/public/demo/66/index.m3u8"),
        (f"data/{PICTURE}", PICTURE),
    ],
)
def test_each_file_of_ours_has_its_place(name: str, where: str) -> None:
    assert place(name) == PurePosixPath(where)


def test_the_settings_go_to_no_place_of_their_own() -> None:
    assert place("settings.toml") is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "data",
        "data/",
        "data/.",
        "data/lock",
        "data/../secret",
        "data//secret",
        "data/./secret",
        "data/secret/more",
        "data/hls/public",
        "data/hls/public/../../secret",
        "data/hls/private/x",
        "data/hls/public/a\0b",
        "../data/secret",
        "settings.toml/..",
        "data/pictures",
        "data/pictures/portrait.jpg",
        "data/pictures/../secret",
        f"data/pictures/more/{PICTURE.rpartition('/')[2]}",
    ],
)
def test_every_other_name_is_refused(name: str) -> None:
    with pytest.raises(Unusable, match="no backup of ingestd's has"):
        place(name)
