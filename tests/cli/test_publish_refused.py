"""``ingestd publish`` where the server, or the file, does not let it go on."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.server import ServerConnection

from ingestd.publish.errors import Exit
from tests.cli.sending import SECRETS, after, run, sent
from tests.cli.sink import RECORDINGS, VP8, Fault, Origin, Sink, ingestd, listening


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (Fault("close", -1, 4409, "already live"), Exit.BUSY, "--takeover takes it"),
        (Fault("close", 50_000, 4409, "taken"), Exit.BUSY, "Another publisher took over."),
        (Fault("close", -1, 1013, "No room."), Exit.BUSY, "No room."),
        (Fault("close", -1, 4401, "Who?"), Exit.NOT_ALLOWED, "Who?"),
        (Fault("close", 50_000, 4403, "Revoked."), Exit.NOT_ALLOWED, "Revoked."),
        (Fault("close", 50_000, 4415, "Not taken."), Exit.REFUSED, "Not taken."),
        (Fault("close", 50_000, 4400, "What?"), Exit.REFUSED, "What?"),
        (Fault("close", 50_000, 4413, "Too large."), Exit.REFUSED, "Too large."),
        (Fault("close", -1, 4404, "No such channel."), Exit.REFUSED, "No such channel."),
        (Fault("close", -1, 1011, "It has failed.", "internal_error"), Exit.LOST, "It has failed."),
    ],
)
def test_refusals_end_it(fault: Fault, code: Exit, said: str) -> None:
    sink, finished = after(Fault(**vars(fault)))
    assert finished.code == code, finished.err
    assert said in finished.err
    assert len(sink.requests) == 1


def test_a_refusal_whose_close_code_is_lost_on_its_way() -> None:
    class Abrupt(Origin):
        async def _greet(self, connection: ServerConnection) -> None:
            await self._heard(connection)
            await self._say(connection, "error", code="not_allowed", message="Not you.")
            connection.transport.write_eof()

    async def test() -> None:
        async with listening(Abrupt()) as sink:
            finished = await sent(sink)
            assert finished.code == Exit.NOT_ALLOWED, finished.err
            assert "Not you." in finished.err

    run(test())


def test_a_broadcast_that_failed_is_not_begun_again() -> None:
    fault = Fault("close", 300_000, 1011, "The encoder cannot read it.", "internal_error", over=True)
    sink, finished = after(fault)
    assert finished.code == Exit.LOST
    assert "The broadcast has failed: The encoder cannot read it." in finished.err
    assert len(sink.broadcasts) == 1


def test_a_server_without_the_protocol() -> None:
    async def test() -> None:
        async with listening(Sink()) as sink:
            finished = await sent(sink)
            assert finished.code == Exit.REFUSED
            assert "does not speak ingestd.v1" in finished.err and "--plain" in finished.err

    run(test())


def test_a_damaged_file_is_sent_up_to_the_damage() -> None:
    damaged = RECORDINGS / "BAD_dangling-A3-before-cluster.webm"
    sink, finished = after(file=damaged)
    assert finished.code == Exit.UNUSABLE
    assert "damaged after 277,741 bytes" in finished.err
    assert damaged.read_bytes()[:277_741] == sink.data
    assert sink.broadcasts[0].stopped


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--plain", "--takeover"], "--plain knows neither"),
        (["--plain", "--give-up", "3"], "--plain knows neither"),
        (["--give-up", "-1"], "is not a time"),
    ],
)
def test_wrong_usage(words: list[str], said: str) -> None:
    finished = asyncio.run(ingestd("publish", str(VP8), *words, **SECRETS))
    assert finished.code == Exit.UNUSABLE
    assert said in finished.err


@pytest.mark.parametrize(
    "said",
    [
        "not json",
        "[]",
        "{}",
        '{"type":"ready","broadcast":"b0","epoch":-1,"offset":0}',
        '{"type":"ready","broadcast":"b0","epoch":0,"offset":5}',
        '{"type":"ready","broadcast":"b0","epoch":3,"offset":0}',
        '{"type":"ready","broadcast":"b0","epoch":0,"offset":1e400}',
    ],
)
def test_a_server_that_speaks_nonsense(said: str) -> None:
    class Mad(Origin):
        async def _greet(self, connection: ServerConnection) -> None:
            await self._heard(connection)
            await connection.send(said)
            await connection.wait_closed()

    async def test() -> None:
        async with listening(Mad()) as sink:
            finished = await sent(sink)
            assert finished.code == Exit.REFUSED, finished.err
            assert "server" in finished.err and "Traceback" not in finished.err

    run(test())
