"""``ingestd backup`` and ``restore``, without a server: what is in the archive, and what is refused."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import stat
import tarfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from ingestd import log
from ingestd.accounts.kind import NOTE, OTHER, SQLITE
from ingestd.backup.contents import MARK, SECRETS
from ingestd.cli.main import main
from ingestd.lock import locked
from tests.support.accounts import make_channels

Run = Callable[..., str]
MEDIA = "hls/public/demo/66/index.m3u8"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("template") / "data"
    make_channels(data, ["news"])
    for name in SECRETS:
        if not (data / name).exists():
            (data / name).write_text(f"{name}\n")
    (data / MEDIA).parent.mkdir(parents=True)
    (data / MEDIA).write_text("#EXTM3U\n")
    return data


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "data")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command that has to succeed (``code=2``: be refused); what it says on stderr."""
    for variable in [name for name in os.environ if name.startswith("INGESTD_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setattr(log, "configure", lambda _style, _level: None)

    def say(*words: str | Path, code: int = 0) -> str:
        assert main([str(word) for word in words]) == code
        return capsys.readouterr().err

    return say


@pytest.fixture
def archive(data: Path, tmp_path: Path, run: Run) -> Path:
    made = tmp_path / "backup.tar.gz"
    run("backup", made, "--data-dir", data)
    return made


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def packed(archive: Path, files: Mapping[str, bytes], *more: tarfile.TarInfo) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
        for entry in more:
            tar.addfile(entry)
    return archive


def users(data: Path) -> list[str]:
    with closing(sqlite3.connect(data / "ingestd.db")) as database:
        return [name for (name,) in database.execute("SELECT name FROM users")]


def snapshot(data: Path) -> dict[str, bytes]:
    return {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}


def test_a_backup_holds_what_is_worth_something_and_is_for_its_owner_alone(archive: Path, data: Path) -> None:
    found = members(archive)
    assert list(found)[0] == "manifest.json"
    assert set(found) == {"manifest.json", "data/ingestd.db", *(f"data/{name}" for name in SECRETS)}
    assert found["data/secret"] == (data / "secret").read_bytes()
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert sorted(archive.parent.glob(".*")) == []


def test_media_and_the_settings_are_in_it_when_they_are_asked_for(
    data: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "tv.toml").write_text("[hls]\nsegment = 2\n")
    made = tmp_path / "all.tar.gz"
    run("backup", made, "--media", "--data-dir", data, "--config", tmp_path / "tv.toml")
    assert members(made)["settings.toml"] == b"[hls]\nsegment = 2\n"
    assert members(made)[f"data/{MEDIA}"] == b"#EXTM3U\n"
    there = tmp_path / "there"
    said = run("restore", made, "--data-dir", there)
    assert (there / MEDIA).read_text() == "#EXTM3U\n"
    assert stat.S_IMODE((there / MEDIA).stat().st_mode) == 0o644
    assert (there / "restored-settings.toml").read_text() == "[hls]\nsegment = 2\n"
    assert str(there / "restored-settings.toml") in said


def test_pictures_are_always_in_it_and_come_back(data: Path, tmp_path: Path, run: Run) -> None:
    picture = data / "pictures" / "0123456789abcdef-fedcba9876543210-1280x720.jpg"
    picture.parent.mkdir(mode=0o700)
    picture.write_bytes(b"a picture")
    (picture.parent / "notes.txt").write_text("nobody's")
    made, there = tmp_path / "backup.tar.gz", tmp_path / "there"
    run("backup", made, "--data-dir", data)
    assert [name for name in members(made) if "pictures" in name] == [f"data/pictures/{picture.name}"]
    run("restore", made, "--data-dir", there)
    (restored,) = (there / "pictures").iterdir()
    assert restored.read_bytes() == b"a picture" and stat.S_IMODE(restored.stat().st_mode) == 0o600
    picture.write_bytes(b"another")
    run("restore", made, "--force", "--data-dir", data)
    assert picture.read_bytes() == b"a picture"
    (aside,) = data.glob("before-restore-*/pictures/*.jpg")
    assert aside.read_bytes() == b"another"


def test_what_is_restored_is_what_there_was(archive: Path, data: Path, tmp_path: Path, run: Run) -> None:
    there = tmp_path / "there"
    run("restore", archive, "--data-dir", there)
    assert users(there) == users(data) == ["admin"]
    for name in SECRETS:
        assert (there / name).read_bytes() == (data / name).read_bytes()
        assert stat.S_IMODE((there / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in there.iterdir()) == sorted([*SECRETS, NOTE, "ingestd.db", "lock"])
    assert (there / NOTE).read_text() == SQLITE


def test_a_write_that_goes_on_stops_no_backup_and_is_not_in_it(data: Path, tmp_path: Path, run: Run) -> None:
    with closing(sqlite3.connect(data / "ingestd.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM users")
        run("backup", tmp_path / "backup.tar.gz", "--data-dir", data)
        writer.execute("ROLLBACK")
    run("restore", tmp_path / "backup.tar.gz", "--data-dir", tmp_path / "there")
    assert users(tmp_path / "there") == ["admin"]


def test_an_installation_is_replaced_by_force_only_and_nothing_of_it_is_lost(
    archive: Path, data: Path, run: Run
) -> None:
    (data / "secret").write_text("another one\n")
    (data / "lock").touch()
    before = snapshot(data)
    assert "There is an installation in" in run("restore", archive, "--data-dir", data, code=2)
    assert snapshot(data) == before
    run("restore", archive, "--force", "--data-dir", data)
    (aside,) = data.glob("before-restore-*")
    assert (data / "secret").read_text() != "another one\n"
    assert not (data / "hls").exists()
    kept = snapshot(aside)
    assert {name: text for name, text in before.items() if name != "lock"} == kept


def test_while_a_server_runs_nothing_is_restored(archive: Path, data: Path, run: Run) -> None:
    with locked(data):
        before = snapshot(data)
        assert "Another ingestd runs" in run("restore", archive, "--force", "--data-dir", data, code=2)
        assert snapshot(data) == before


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/ingestd-evil", "data/../../evil", "data/hls/public/../../../evil"]
)
def test_a_path_that_leads_out_is_refused(name: str, archive: Path, tmp_path: Path, run: Run) -> None:
    hostile = packed(tmp_path / "hostile.tar.gz", members(archive) | {name: b"evil"})
    there = tmp_path / "there"
    assert "Nothing is restored" in run("restore", hostile, "--data-dir", there, code=2)
    assert [path.name for path in there.iterdir()] == ["lock"]
    assert not (tmp_path / "evil").exists() and not Path("/tmp/ingestd-evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_what_is_no_plain_file_is_refused(kind: bytes, archive: Path, tmp_path: Path, run: Run) -> None:
    entry = tarfile.TarInfo("data/hls/public/demo")
    entry.type, entry.linkname = kind, "/etc"
    hostile = packed(tmp_path / "hostile.tar.gz", members(archive), entry)
    assert "no plain file" in run("restore", hostile, "--data-dir", tmp_path / "there", code=2)


def test_a_file_that_comes_twice_is_refused(archive: Path, tmp_path: Path, run: Run) -> None:
    twice = tarfile.TarInfo("data/secret")
    hostile = packed(tmp_path / "hostile.tar.gz", members(archive), twice)
    assert "twice" in run("restore", hostile, "--data-dir", tmp_path / "there", code=2)


def test_an_archive_that_is_cut_off_or_damaged_changes_nothing(
    archive: Path, tmp_path: Path, run: Run
) -> None:
    there, whole = tmp_path / "there", archive.read_bytes()
    spoiled = bytearray(whole)
    spoiled[-6] ^= 1  # of the checksum
    for text in (b"", b"no archive", whole[:20], whole[: len(whole) // 2], whole[:-4], bytes(spoiled)):
        archive.write_bytes(text)
        said = run("restore", archive, "--data-dir", there, code=2)
        assert "no backup" in said or "not whole" in said
        assert [path.name for path in there.iterdir()] == ["lock"]


@pytest.mark.parametrize("missing", [f"data/{MARK}", "data/ingestd.db"])
def test_one_from_which_something_is_missing(missing: str, archive: Path, tmp_path: Path, run: Run) -> None:
    files = members(archive)
    del files[missing]
    packed(archive, files)
    assert "not whole" in run("restore", archive, "--data-dir", tmp_path / "there", code=2)


def test_a_key_that_is_not_the_database_s(archive: Path, tmp_path: Path, run: Run) -> None:
    packed(archive, members(archive) | {f"data/{MARK}": b"00" * 32})
    said = run("restore", archive, "--data-dir", tmp_path / "there", code=2)
    assert f"{MARK} is not the one" in said


def test_a_database_of_a_newer_version_is_refused(data: Path, tmp_path: Path, run: Run) -> None:
    with closing(sqlite3.connect(data / "ingestd.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    run("backup", tmp_path / "new.tar.gz", "--data-dir", data)
    said = run("restore", tmp_path / "new.tar.gz", "--data-dir", tmp_path / "there", code=2)
    assert "made by a newer ingestd" in said


def test_of_postgresql_the_rest_is_kept_and_pg_dump_is_named(
    data: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://tv:s3cret@db/tv"
    monkeypatch.setenv("INGESTD_DATABASE_URL", url)
    assert "names another database" in run("backup", tmp_path / "x", "--data-dir", data, code=2)
    (data / NOTE).write_text(OTHER)
    made = tmp_path / "rest.tar.gz"
    said = run("backup", made, "--data-dir", data)
    assert "pg_dump" in said and "database.url is not in it" in said and "s3cret" not in said
    assert "data/ingestd.db" not in members(made) and f"data/{MARK}" in members(made)
    monkeypatch.delenv("INGESTD_DATABASE_URL")
    assert "pg_restore" in run("restore", made, "--data-dir", tmp_path / "there")
    assert (tmp_path / "there" / NOTE).read_text() == OTHER


def test_a_secret_that_stands_in_a_file_of_its_own_is_named(
    data: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tv.toml").write_text('[auth]\nsecret = "0123456789abcdefghijklmnopqrstuvwxyz"\n')
    settings = ("--config", tmp_path / "tv.toml", "--data-dir", data)
    assert "auth.secret" not in run("backup", tmp_path / "1.tar.gz", *settings)
    monkeypatch.setenv("INGESTD_AUTH_PREVIOUS_SECRET", "zyxwvutsrqponmlkjihgfedcba9876543210")
    assert "auth.previous_secret is not in it" in run("backup", tmp_path / "1.tar.gz", *settings)


def test_what_cannot_be_written_leaves_nothing(data: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    assert "There is no backup" in run("backup", tmp_path / "file" / "x", "--data-dir", data, code=2)
    (tmp_path / "directory").mkdir()
    assert "There is no backup" in run("backup", tmp_path / "directory", "--data-dir", data, code=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "directory", "file"]


def test_a_damaged_database_makes_no_backup(data: Path, tmp_path: Path, run: Run) -> None:
    for name in ("ingestd.db-wal", "ingestd.db-shm"):
        (data / name).unlink(missing_ok=True)
    (data / "ingestd.db").write_bytes(b"no database" * 1000)
    said = run("backup", tmp_path / "backup.tar.gz", "--data-dir", data, code=2)
    assert "cannot be copied" in said and not (tmp_path / "backup.tar.gz").exists()


def test_where_there_is_no_installation_there_is_nothing_to_back_up(tmp_path: Path, run: Run) -> None:
    said = run("backup", tmp_path / "x.tar.gz", "--data-dir", tmp_path / "nowhere", code=2)
    assert "There is no installation" in said and not (tmp_path / "nowhere").exists()


def test_an_archive_that_is_not_there_makes_no_directory(tmp_path: Path, run: Run) -> None:
    said = run("restore", tmp_path / "none.tar.gz", "--data-dir", tmp_path / "there", code=2)
    assert "cannot be read: No such file" in said and not (tmp_path / "there").exists()


def test_what_a_killed_restore_left_is_gone_after_the_next(archive: Path, tmp_path: Path, run: Run) -> None:
    left = tmp_path / "there" / ".restore-0123"
    left.mkdir(parents=True)
    (left / "secret").write_text("secret")
    run("restore", archive, "--data-dir", tmp_path / "there")
    assert not left.exists()
