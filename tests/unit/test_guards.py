"""The files that tell nginx which channels everybody may watch."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestd.nginx.guard import close_all_but, open_all


def opened(root: Path) -> set[str]:
    return {path.name for path in (root / "open").iterdir()}


def test_there_is_a_file_for_each_public_channel_and_for_no_other(tmp_path: Path) -> None:
    for public in ({"a", "b"}, {"b", "c"}, set[str](), {"a"}):
        close_all_but(tmp_path, public)
        assert opened(tmp_path) <= public
        open_all(tmp_path, public)
        assert opened(tmp_path) == public


def test_what_stays_open_is_never_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    close_all_but(tmp_path, [])
    open_all(tmp_path, ["stays", "goes"])
    gone: list[str] = []
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: gone.append(path.name))
    close_all_but(tmp_path, ["stays", "comes"])
    assert gone == ["goes"]


def test_what_cannot_be_closed_is_said(tmp_path: Path) -> None:
    close_all_but(tmp_path, [])
    (tmp_path / "open" / "goes").mkdir()
    with pytest.raises(OSError):
        close_all_but(tmp_path, ["stays"])
