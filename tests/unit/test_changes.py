"""Which settings a reload takes over, and which it says need a restart."""

from __future__ import annotations

from ingestd.settings import Settings, keys, load
from ingestd.settings.changes import APPLICABLE, change


def test_nothing_has_changed() -> None:
    found = change(Settings(), load())
    assert (found.settings, found.applied, found.restart) == (Settings(), (), ())


def test_what_can_be_applied_is_and_the_rest_is_named() -> None:
    new = load(flags={("ingest", "max_broadcasts"): "3", ("log", "level"): "debug", ("hls", "port"): "81"})
    found = change(Settings(), new)
    assert found.applied == ("ingest.max_broadcasts", "log.level")
    assert found.restart == ("hls.port",)
    assert (found.settings.ingest.max_broadcasts, found.settings.log.level) == (3, "debug")
    assert found.settings.hls.port == Settings().hls.port


def test_what_takes_a_restart_is_named_until_there_was_one() -> None:
    new = load(flags={("hls", "port"): "81", ("log", "level"): "debug"})
    again = change(change(Settings(), new).settings, new)
    assert (again.applied, again.restart) == ((), ("hls.port",))


def test_a_secret_is_named_by_its_own_name_wherever_it_stands() -> None:
    old = Settings.model_validate({"auth": {"secret": "a" * 32, "secret_file": "/a"}})
    new = Settings.model_validate({"auth": {"secret": "b" * 32, "secret_file": "/b"}})
    assert change(old, new).restart == ("auth.secret",)


def test_all_that_can_be_applied_are_settings() -> None:
    assert set(keys()) >= APPLICABLE
