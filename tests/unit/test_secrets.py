"""The secrets of tokens: where they stand, how they change, and which are not taken."""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog

from ingestd.accounts import private_files
from ingestd.accounts.secrets import Secrets, rotate
from ingestd.errors import StartError
from ingestd.settings import Auth

ONE, TWO = "0123456789abcdef" * 2, "fedcba9876543210" * 2
NONE = Auth()


def test_the_first_start_makes_a_secret_for_its_owner_alone(tmp_path: Path) -> None:
    pair = Secrets.open(NONE, tmp_path / "new").now()
    assert len(pair.current) == 64
    assert pair.valid == (pair.current,)
    (file,) = (tmp_path / "new").iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("secret", 0o600)
    assert Secrets.open(NONE, tmp_path / "new").now() == pair
    assert Secrets.open(NONE, tmp_path / "other").now() != pair


def test_the_text_of_a_file_that_was_there_before_is_the_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f" {ONE}\n")
    (tmp_path / "secret.previous").write_text(TWO)
    assert Secrets.open(NONE, tmp_path).now().valid == (ONE.encode(), TWO.encode())


def test_settings_go_before_files_and_no_file_is_made(tmp_path: Path) -> None:
    assert Secrets.open(Auth(secret=ONE, previous_secret=TWO), tmp_path).now().valid == (
        ONE.encode(),
        TWO.encode(),
    )
    assert list(tmp_path.iterdir()) == []


def test_a_secret_of_the_settings_puts_both_files_out_of_force(tmp_path: Path) -> None:
    for name in ("secret", "secret.previous"):
        (tmp_path / name).write_text(TWO)
    assert Secrets.open(Auth(secret=ONE), tmp_path).now().valid == (ONE.encode(),)


def test_a_previous_secret_of_the_settings_goes_with_a_current_one_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(ONE)
    assert Secrets.open(Auth(previous_secret=TWO), tmp_path).now().valid == (ONE.encode(), TWO.encode())


# Rotation


def test_a_rotation_is_noticed_by_who_runs(tmp_path: Path) -> None:
    running = Secrets.open(NONE, tmp_path)
    first = running.now().current
    rotate(tmp_path)
    second = running.now()
    assert second.previous == first != second.current
    rotate(tmp_path)
    assert running.now().previous == second.current
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["secret", "secret.previous"]


def test_a_change_that_leaves_size_and_time_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(ONE)
    running = Secrets.open(NONE, tmp_path)
    before = (tmp_path / "secret").stat()
    private_files.replace(tmp_path / "secret", TWO)
    (tmp_path / "secret").write_text(TWO)
    os.utime(tmp_path / "secret", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert running.now().current == TWO.encode()


def test_a_previous_secret_that_is_removed_counts_no_more(tmp_path: Path) -> None:
    running = Secrets.open(NONE, tmp_path)
    rotate(tmp_path)
    assert running.now().previous
    (tmp_path / "secret.previous").unlink()
    assert running.now().previous is None


def test_a_rotation_before_the_first_start_makes_the_secret(tmp_path: Path) -> None:
    rotate(tmp_path)
    assert Secrets.open(NONE, tmp_path).now().previous is None


def test_a_rotation_that_fails_half_way_loses_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Secrets.open(NONE, tmp_path)
    first = running.now().current
    real = private_files.replace

    def full(path: Path, text: str) -> None:
        if path.name == "secret":
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, text)

    with monkeypatch.context() as broken:
        broken.setattr(private_files, "replace", full)
        with pytest.raises(StartError, match="No space left on device"):
            rotate(tmp_path)
    assert running.now().valid == (first, first)
    rotate(tmp_path)
    assert running.now().previous == first


def test_rotations_at_one_time_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What becomes the previous secret is the one made last, so every secret was valid for two turns."""
    real, written = private_files.replace, list[str]()

    def noted(path: Path, text: str) -> None:
        written.append(text)
        real(path, text)

    monkeypatch.setattr(private_files, "replace", noted)
    Secrets.open(NONE, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(rotate, [tmp_path] * 12))
    made, became_previous = written[1::2], written[2::2]
    assert became_previous == made[:-1]


def test_two_that_start_at_once_have_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: Secrets.open(NONE, tmp_path / "data").now(), range(16)))
    assert len(found) == 1


# What is not taken

WEAK = {
    "short": ("tiny", "too short"),
    "empty": ("", "too short"),
    "31 bytes": (ONE[:31], "too short"),
    "one letter": ("x" * 64, "too easy to guess"),
    "nine letters": ("123456789" * 8, "too easy to guess"),
    "a public key": (
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI\n-----END PUBLIC KEY-----",
        "no secret",
    ),
    "an ssh key": ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample0123456789", "no secret"),
}


@pytest.mark.parametrize(("text", "words"), WEAK.values(), ids=WEAK)
@pytest.mark.parametrize("name", ["secret", "secret.previous"])
def test_a_weak_file_is_refused_by_name_and_not_shown(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(StartError, match=rf"{name} is .*{words}.*openssl rand") as told:
        Secrets.open(NONE, tmp_path)
    assert not text or text not in str(told.value)


@pytest.mark.parametrize(("text", "words"), [pair for pair in WEAK.values() if pair[0]])
@pytest.mark.parametrize("name", ["secret", "previous_secret"])
def test_a_weak_setting_is_refused_by_name_and_not_shown(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    with pytest.raises(StartError, match=rf"^auth\.{name} is .*{words}") as told:
        Secrets.open(Auth(**{name: text}), tmp_path)
    assert text not in str(told.value)


def test_thirty_two_bytes_with_ten_different_ones_are_enough(tmp_path: Path) -> None:
    assert Secrets.open(Auth(secret="0123456789" + "0" * 22), tmp_path).now()


def test_a_weak_secret_is_not_rotated_into_force(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x" * 64)
    with pytest.raises(StartError, match="too easy to guess"):
        rotate(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("name", ["secret", "secret.previous"])
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(StartError, match=rf"{name}: Is a directory"):
        Secrets.open(NONE, tmp_path)


def test_a_directory_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for action in (lambda: Secrets.open(NONE, tmp_path / "file"), lambda: rotate(tmp_path / "file")):
        with pytest.raises(StartError, match=rf"^{tmp_path}/file"):
            action()


def test_files_that_become_unusable_leave_the_last_good_pair_and_one_line_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(ONE)
    running = Secrets.open(NONE, tmp_path)
    with structlog.testing.capture_logs() as logs:
        for text in ("weak", None):
            (tmp_path / "secret").write_text(text) if text else (tmp_path / "secret").unlink()
            for _ in range(3):
                assert running.now().valid == (ONE.encode(),)
        (tmp_path / "secret").write_text(TWO)
        assert running.now().valid == (TWO.encode(),)
    assert [line["event"] for line in logs] == ["token_files_unusable"] * 2
