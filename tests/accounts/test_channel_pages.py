"""What a channel's page shows, as it is kept: its picture, what is to come, when it was live, and where."""

from __future__ import annotations

import pytest

from ingestd.accounts import checks
from ingestd.accounts.accounts import Accounts
from ingestd.accounts.model import Upcoming
from ingestd.errors import Code, Refused
from tests.accounts.stage import CLI, Place, person, played, refused, until

PICTURE = "0123456789abcdef-fedcba9876543210-1280x720.jpg"


@played
async def test_what_is_to_come_is_said_and_taken_back(accounts: Accounts) -> None:
    made = await accounts.channels.update(CLI, "demo", upcoming=Upcoming(1_800_000_000.5, " Carols "))
    assert made.next == Upcoming(1_800_000_000.5, "Carols")
    assert (await accounts.channels.update(CLI, "demo", title="New")).next == made.next
    assert (await accounts.channels.update(CLI, "demo", upcoming=Upcoming())).next == Upcoming()
    await refused(accounts.channels.update(CLI, "demo", upcoming=Upcoming(None, "a\x00b")), Code.INVALID)


@played
async def test_a_picture_is_set_by_who_manages_the_channel(accounts: Accounts) -> None:
    guest = await person(accounts, "guest")
    await refused(accounts.channels.set_picture(guest, "demo", PICTURE), Code.FORBIDDEN)
    assert (await accounts.channels.set_picture(CLI, "demo", PICTURE)).picture == PICTURE
    assert accounts.directory.channels["demo"].picture == PICTURE
    assert (await accounts.channels.set_picture(CLI, "demo", "")).picture == ""


@played
async def test_when_a_channel_was_live_is_written_later_and_survives(
    accounts: Accounts, place: Place
) -> None:
    await accounts.start()
    await accounts.channels.create(CLI, "late", "Late")
    born = accounts.directory.channels["late"].created_at
    accounts.channels.was_live("late", born - 1)  # another channel of that name, which is gone
    accounts.channels.was_live("nobody", born)
    accounts.channels.was_live("demo", born + 60)
    await until(lambda: accounts.directory.channels["demo"].last_live_at == born + 60)
    assert accounts.directory.channels["late"].last_live_at is None
    async with place.opened() as again:
        assert again.directory.channels["demo"].last_live_at == born + 60
        again.channels.was_live("demo", born + 90)  # and goes with the process that closes
    await until(lambda: accounts.directory.channels["demo"].last_live_at == born + 90)


def test_sites_that_may_embed_a_channel_are_origins() -> None:
    given = ["https://Example.org/", "http://10.0.0.7:8080", "https://*.example.org", "https://example.org"]
    assert checks.sites(given) == ("https://example.org", "http://10.0.0.7:8080", "https://*.example.org")
    assert checks.sites([]) == ()
    assert checks.sites(["https://example.org", "*"]) == ("*",)


@pytest.mark.parametrize(
    "site",
    [
        *("example.org", "https://", "https://example.org/page", "ftp://example.org", "https://a b", "null"),
        *("https://example.org; script-src *", "https://example.org\r\nX: y", "https://exa'mple", "'self'"),
        *("https://user@example.org", "https://exämple.org", "https://example.org:0", "https://-a.org", ""),
        *("https://*.*.org", "https://ex*.org", f"https://{'a' * 60}.{'b' * 60}.org", "data:"),
    ],
)
def test_nothing_else_gets_into_the_header(site: str) -> None:
    with pytest.raises(Refused):
        checks.sites([site])


def test_not_every_site_fits_into_the_header() -> None:
    with pytest.raises(Refused, match="at most 20"):
        checks.sites([f"https://{number}.example.org" for number in range(21)])
