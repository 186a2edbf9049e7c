"""A channel's name may be given again; its media are gone by then."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestd.delivery.owners import Owners
from ingestd.errors import StartError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "private").mkdir()
    (tmp_path / "public").mkdir()
    return tmp_path


def media(root: Path, *channels: str) -> None:
    for channel in channels:
        (root / "public" / channel / "b1").mkdir(parents=True, exist_ok=True)
        (root / "public" / channel / "b1" / "360p.m3u8").write_text("x")


def left(root: Path) -> set[str]:
    assert not list((root / "private").iterdir())
    return {path.name for path in (root / "public").iterdir()}


def test_the_first_time_what_is_there_belongs_to_who_has_the_name(root: Path) -> None:
    media(root, "a", "nobodys")
    Owners(root).settle({"a": "1"})
    assert left(root) == {"a"}


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("now", [{"b": "2"}, {"a": "3", "b": "2"}], ids=["deleted", "made anew"])
def test_media_of_a_channel_that_is_no_more_are_removed(
    root: Path, restarted: bool, now: dict[str, str]
) -> None:
    owners = Owners(root)
    owners.settle({"a": "1", "b": "2"})
    media(root, "a", "b")
    owners = Owners(root) if restarted else owners
    gone: list[str] = []
    owners.let_go = gone.append
    owners.settle(now)
    assert gone == ["a"]
    assert left(root) == {"b"}


def test_whoever_still_wrote_after_the_end_leaves_nothing_to_the_next_of_that_name(root: Path) -> None:
    owners = Owners(root)
    owners.settle({"a": "1"})
    owners.settle({})
    media(root, "a")
    owners.settle({"a": "2"})
    assert left(root) == set()


def test_what_failed_is_done_the_next_time(root: Path) -> None:
    owners = Owners(root)
    owners.settle({"a": "1"})
    media(root, "a")
    (root / "private").rename(root / "elsewhere")
    with pytest.raises(OSError):
        owners.settle({"a": "2"})
    (root / "elsewhere").rename(root / "private")
    owners.settle({"a": "2"})
    assert left(root) == set()
    media(root, "a")
    owners.settle({"a": "2"})
    assert left(root) == {"a"}


@pytest.mark.parametrize("damaged", ["{", "", "[]"])
def test_a_file_that_is_damaged_opens_nothing_and_removes_nothing(root: Path, damaged: str) -> None:
    media(root, "a")
    (root / "owners.json").write_text(damaged)
    with pytest.raises(StartError, match=r"owners\.json is damaged.*delete that file and start again"):
        Owners(root).settle({"a": "1"})
    assert left(root) == {"a"}
