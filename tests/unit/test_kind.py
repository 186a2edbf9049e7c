"""The database that an installation has is not mistaken for another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestd.accounts import kind
from ingestd.errors import StartError

URL = "postgresql://me:s3cret@db/tv"


def refusal(url: str, data: Path, *, filled: bool = False) -> str:
    with pytest.raises(StartError) as caught:
        kind.check(url, data, filled=filled)
    assert "s3cret" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("url", ["", URL])
def test_at_the_first_start_whatever_the_settings_say_is_meant(tmp_path: Path, url: str) -> None:
    kind.check(url, tmp_path / "not there yet")
    kind.note(url, tmp_path)
    (tmp_path / kind.SQLITE_FILE).touch()
    kind.check(url, tmp_path)
    kind.check(url, tmp_path, filled=True)
    assert "s3cret" not in (tmp_path / kind.NOTE).read_text()


def test_an_address_that_is_not_set_any_more_makes_no_database(tmp_path: Path) -> None:
    kind.note(URL, tmp_path)
    (tmp_path / kind.SQLITE_FILE).touch()  # of an earlier life
    for filled in (False, True):
        words = refusal("", tmp_path, filled=filled)
        assert "database.url is not set here" in words and "database.url_file" in words


def test_an_address_that_is_new_takes_no_installation_over(tmp_path: Path) -> None:
    kind.note("", tmp_path)
    words = refusal(URL, tmp_path)
    assert str(tmp_path / kind.SQLITE_FILE) in words and f"delete {tmp_path / kind.NOTE}" in words
    (tmp_path / kind.NOTE).unlink()
    kind.check(URL, tmp_path)


def test_a_database_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    kind.note("", tmp_path)
    assert "is missing" in refusal("", tmp_path)
    assert f"delete {tmp_path / kind.NOTE}" in refusal("", tmp_path)


def test_where_nothing_is_noted_there_has_to_be_one_for_who_fills_none(tmp_path: Path) -> None:
    kind.check("", tmp_path)
    words = refusal("", tmp_path, filled=True)
    assert "is missing" in words and kind.NOTE not in words
    (tmp_path / kind.SQLITE_FILE).touch()
    kind.check("", tmp_path, filled=True)


def test_what_is_noted_stays(tmp_path: Path) -> None:
    kind.note("", tmp_path)
    kind.note(URL, tmp_path)
    assert (tmp_path / kind.NOTE).read_text() == f"{kind.SQLITE}\n"


def test_a_note_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    (tmp_path / kind.NOTE).mkdir()
    assert "cannot be read: Is a directory" in refusal("", tmp_path)
    with pytest.raises(StartError, match="cannot be written: No such file"):
        kind.note("", tmp_path / "missing")
