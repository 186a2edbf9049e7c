"""Flags that become settings."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from ingestd.cli.options import add_settings, settings_of
from ingestd.errors import SettingsError
from ingestd.settings import Settings, keys


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("INGESTD_CONFIG", *(f"INGESTD_{section}_{key}".upper() for section, key in keys())):
        monkeypatch.delenv(variable, raising=False)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser("ingestd")
    add_settings(made)
    return made


def settings(*argv: str) -> Settings:
    return settings_of(parser().parse_args(argv))


def test_without_flags_all_is_default() -> None:
    assert settings() == Settings()


def test_every_flag_reaches_its_setting() -> None:
    found = settings("--data-dir=/srv", "--bind=::1", "--http-port=1", "--hls-port=2", "--rtmp-port=3")
    assert (found.data.dir, found.http.bind, found.http.port) == (Path("/srv"), "::1", 1)
    assert (found.hls.port, found.rtmp.port) == (2, 3)


@pytest.mark.parametrize("text", ["hls.window=120", " hls.window = 120"])
def test_any_other_setting_is_reached_by_its_name(text: str) -> None:
    assert settings("--set", text).hls.window == 120.0


def test_a_value_may_hold_equal_signs() -> None:
    assert settings("--set", "http.public_host=a=b").http.public_host == "a=b"


def test_many_settings_can_be_set_and_the_last_of_one_name_counts() -> None:
    found = settings("--set", "hls.window=1", "--set", "log.style=json", "--set", "hls.window=2")
    assert (found.hls.window, found.log.style) == (2.0, "json")


@pytest.mark.parametrize("text", ["hls.window", "window=1", "hls.windows=1", "hsl.window=1", "=1", "", ".=1"])
def test_what_names_no_setting_is_told_the_names(text: str) -> None:
    said = re.escape(f"--set {text.partition('=')[0]}: say SECTION.KEY=VALUE")
    with pytest.raises(SettingsError, match=f"{said}.*hls.window"):
        settings("--set", text)


@pytest.mark.parametrize("name", ["auth.secret", "auth.previous_secret", "database.url"])
def test_a_secret_has_no_flag_and_is_not_repeated(name: str) -> None:
    with pytest.raises(SettingsError, match=f"INGESTD_{name.replace('.', '_').upper()} in the env") as caught:
        settings("--set", f"{name}=hunter2")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(SettingsError, match="say SECTION.KEY=VALUE") as caught:
        settings("--set", f"{name}s=hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_bad_value_names_its_flag() -> None:
    with pytest.raises(SettingsError, match="http.port = 70000, at flag --http-port: not allowed"):
        settings("--http-port=70000")


def test_a_bad_value_of_set_names_what_was_typed() -> None:
    with pytest.raises(SettingsError, match=r"hls\.window = 0, at flag --set hls\.window: not allowed: "):
        settings("--set", "hls.window=0")


def test_an_unknown_flag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        settings("--hls-window=1")
    assert "unrecognized arguments: --hls-window=1" in capsys.readouterr().err


def test_the_file_comes_from_the_flag_and_else_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("[hls]\nwindow = 1\n")
    other.write_text("[hls]\nwindow = 2\n")
    monkeypatch.setenv("INGESTD_CONFIG", str(other))
    assert settings().hls.window == 2
    assert settings("--config", str(one)).hls.window == 1


def test_flags_win_over_environment_and_environment_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ingestd.toml"
    file.write_text("[http]\nport = 1\nbind = 'file'\n[hls]\nport = 1\n")
    monkeypatch.setenv("INGESTD_HTTP_PORT", "2")
    monkeypatch.setenv("INGESTD_HLS_PORT", "2")
    found = settings("--config", str(file), "--hls-port=3")
    assert (found.http.bind, found.http.port, found.hls.port) == ("file", 2, 3)


def test_the_help_says_what_each_flag_does_and_its_default() -> None:
    said = " ".join(parser().format_help().split())
    assert "Port of ingestd itself; 0 takes a free one. (default: 4000)" in said
    assert "--set SECTION.KEY=VALUE" in said
    assert "(default: None)" not in said
