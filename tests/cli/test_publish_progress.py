"""The progress line, with a clock of its own."""

from __future__ import annotations

import asyncio
import io

import pytest

from ingestd.publish import progress as module
from ingestd.publish.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def begun(out: io.StringIO, clock: Clock, *, quiet: bool = False) -> Progress:
    progress = Progress(out, quiet=quiet, clock=clock)
    progress.begin(lambda seconds, sent: seconds * 10_000_000 / sent, lambda: "3.2 s waiting")
    return progress


def test_the_line() -> None:
    clock = Clock()
    progress = begun(io.StringIO(), clock)
    clock.now += 5
    progress.sent(5.0, 1_250_000)
    assert progress.line() == "0:05 of about 0:40   2.0 Mb/s   3.2 s waiting"


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    progress = begun(io.StringIO(), clock)
    for _ in range(40):
        clock.now += 1
        progress.sent(clock.now - 100, 125_000)
        progress.line()
    clock.now += 20
    assert "0.0 Mb/s" in progress.line() or "0.1 Mb/s" in progress.line()


def test_no_total_is_guessed_from_too_little_or_nothing() -> None:
    progress = Progress(io.StringIO(), clock=Clock())
    assert progress.line() == "0:00   0.0 Mb/s"
    progress.sent(3700.0, 1)
    assert progress.line().startswith("1:01:40   ")


@pytest.mark.parametrize("terminal", [True, False])
def test_rewritten_in_place_on_a_terminal_only(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY_TERMINAL", 0.001)
    monkeypatch.setattr(module, "_EVERY_LOG", 0.001)
    out = Terminal() if terminal else io.StringIO()
    progress = begun(out, Clock())

    async def test() -> None:
        task = asyncio.create_task(progress.run())
        while out.getvalue().count("waiting") < 3:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(test())
    progress.say("done")
    lines = out.getvalue().splitlines()
    if terminal:
        assert out.getvalue().count("\n") == 1
        assert out.getvalue().endswith("\r\x1b[Kdone\n")
    else:
        assert lines[-1] == "done" and len(lines) >= 4
        assert "\r" not in out.getvalue() and "\x1b" not in out.getvalue()


def test_quiet_says_only_what_goes_wrong() -> None:
    out = io.StringIO()
    progress = begun(out, Clock(), quiet=True)
    asyncio.run(progress.run())
    progress.say("all is well")
    progress.complain("it is not")
    assert out.getvalue() == "ingestd: it is not\n"


def test_what_goes_again_counts_in_the_rate_alone() -> None:
    clock = Clock()
    progress = begun(io.StringIO(), clock)
    progress.sent(5.0, 250_000)
    clock.now += 5
    progress.sent(5.0, 0, again=1_000_000)
    assert progress.line() == "0:05 of about 3:20   2.0 Mb/s   3.2 s waiting"
    assert "0.2 MB" in progress.summary()


def test_the_summary() -> None:
    clock = Clock()
    progress = begun(io.StringIO(), clock)
    progress.sent(61.0, 1_500_000)
    progress.sent(60.0, 1_500_000)
    clock.now += 12.34
    assert progress.summary() == "sent 1:01 of media, 3.0 MB in 2 messages, in 12.3 s"
