"""The files that tell nginx which channels are private."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestd.nginx.guard import write_guards


def guarded(root: Path) -> set[str]:
    return {path.name for path in (root / "guarded").iterdir()}


def test_there_is_a_file_for_each_private_channel_and_for_no_other(tmp_path: Path) -> None:
    for private in ({"a", "b"}, {"b", "c"}, set(), {"a"}):
        write_guards(tmp_path, private)
        assert guarded(tmp_path) == {*private, ".said"}


def test_a_guard_that_stays_is_never_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_guards(tmp_path, ["stays", "goes"])
    gone: list[str] = []
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: gone.append(path.name))
    write_guards(tmp_path, ["stays", "comes"])
    assert gone == ["goes"]


def test_a_guard_that_cannot_be_made_opens_no_other_channel(tmp_path: Path) -> None:
    """Whoever asked for it gets an error, and nothing is less guarded than before."""
    write_guards(tmp_path, ["goes"])
    with pytest.raises(OSError):
        write_guards(tmp_path, ["no/such/place"])
    assert guarded(tmp_path) == {"goes", ".said"}
