"""Settings for other people's eyes."""

from __future__ import annotations

import json

import pytest

from ingestd.settings import SECRETS, Settings
from ingestd.settings.shown import HIDDEN, address, shown

SECRET = "hidden-from-everybody"


def with_secrets() -> Settings:
    return Settings.model_validate(
        {
            "auth": {
                "secret": SECRET,
                "previous_secret": SECRET,
                "jwks_url": f"https://me:{SECRET}@id.example.org/keys?token={SECRET}#{SECRET}",
            },
            "database": {"url": f"postgresql://me:{SECRET}@db/ingestd?password={SECRET}"},
            "telemetry": {"otlp_endpoint": f"https://{SECRET}@collector:4318/v1/traces"},
        }
    )


def test_no_secret_is_shown() -> None:
    found = shown(with_secrets())
    assert SECRET not in json.dumps(found)
    assert found["auth"]["secret"] == HIDDEN
    assert found["auth"]["jwks_url"] == "https://id.example.org/keys"
    assert found["database"]["url"] == "postgresql://db/ingestd"


@pytest.mark.parametrize("mark", "/?#@+:%&= ")
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://ingestd:{}@db/ingestd",
        "https://{}@db/ingestd",
        "postgresql://db/ingestd?password={}",
        "postgresql://db:5432/ingestd?password={}",
        "postgresql://ingestd:{0}@db/ingestd?password={0}#{0}",
    ],
)
def test_no_part_of_a_password_is_shown_whatever_is_in_it(url: str, mark: str) -> None:
    url = url.format(f"Zm9v{mark}YmFy{mark}c2VjcmV0")
    seen = json.dumps(
        shown(
            Settings.model_validate(
                {
                    "auth": {"jwks_url": url},
                    "database": {"url": url},
                    "telemetry": {"otlp_endpoint": url},
                    "http": {"origins": [url]},
                }
            )
        )
    )
    assert not [part for part in ("Zm9v", "YmFy", "c2VjcmV0") if part in seen]


@pytest.mark.parametrize("password", ["plain", "Zm9v/YmFy+c2VjcmV0", "a@b", "a/b@c:d"])
def test_host_and_path_are_shown(password: str) -> None:
    assert address(f"postgresql+psycopg://me:{password}@db:5432/ingestd?x=1") == (
        "postgresql+psycopg://db:5432/ingestd"
    )


def test_every_setting_that_is_known_to_be_secret_is_hidden() -> None:
    for section, key in SECRETS:
        found = shown(Settings.model_validate({section: {key: f"x://a:{SECRET}@b/c?{SECRET}"}}))
        assert SECRET not in json.dumps(found), (section, key)


def test_the_rest_is_as_it_is() -> None:
    found = shown(Settings())
    assert found["hls"]["segment"] == 1.0
    assert found["auth"]["secret"] == ""
    assert found["http"]["trusted_proxies"] == ["127.0.0.1/32", "::1/128"]
    assert set(found) == set(Settings.model_fields)


def test_who_manages_a_channel_sees_what_concerns_a_broadcast() -> None:
    assert set(shown(Settings(), everything=False)) == {"hls", "ingest", "encoder"}
