"""The resumable protocol: a recording that outlives its connections, and arrives whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from ingestd.errors import Code
from ingestd.publish import dialogue
from ingestd.publish.backlog import Backlog, Bounds, Bytes, Violation
from ingestd.publish.connection import OPEN_SECONDS, Connection
from ingestd.publish.conversation import Conversation
from ingestd.publish.dialogue import Ack, Circumstances, Heard, Ready, Status, Then, Verdict
from ingestd.publish.errors import Exit, Failure
from ingestd.publish.interrupts import Interrupts
from ingestd.publish.pacing import Slice
from ingestd.publish.progress import Progress
from ingestd.publish.recorder import Recorder
from ingestd.publish.retry import Waits
from ingestd.tasks import Tasks

GIVE_UP_SECONDS = 120.0
"""Without the server; longer where it keeps a broadcast for longer."""
_MARGIN = 30.0  # seconds beyond the server's window, in which it says that the broadcast is over
_REOPEN_SECONDS = 5.0  # for a handshake after a loss: the next attempt may find a better way
_HELD_SECONDS = 5.0  # after which a connection counts as one that has held
_DOUBT_SECONDS = 10.0  # for which a server may still hear a greeting that it has not answered


@dataclass(frozen=True, slots=True)
class Target:
    """Where it goes. ``takeover``: also when somebody else is live there. ``give_up``: seconds without
    the server (None: as long as it keeps the broadcast, and a margin)."""

    server: str
    stream_key: str = field(repr=False)
    token: str = field(repr=False)
    title: str = ""
    takeover: bool = False
    give_up: float | None = None


class ResumablePublisher:
    """One recording, over as many connections as it takes."""

    def __init__(self, target: Target, bounds: Bounds, speed: float, progress: Progress) -> None:
        self._target = target
        self._backlog = Backlog(bounds)
        self._recorder = Recorder(self._backlog, speed)
        self._progress = progress
        self._waits = Waits()
        self._clock = asyncio.get_running_loop().time
        self._opened = False  # the server was reached at least once
        self._lost_at: float | None = None  # None while the server listens
        self._ready_at = 0.0
        self._window = 0.0  # seconds that the server keeps the broadcast
        self._doubt_until = 0.0
        self._failed = ""  # what the server said when the broadcast failed
        self._status = Status("", "")
        self._tell = ""  # what is to be said when the server is ready

    async def run(self, first: Slice, rest: AsyncGenerator[Slice, None], interrupts: Interrupts) -> Exit:
        """Publish all; the exit code. Raises :class:`Failure` where it ended otherwise."""
        tasks = Tasks("publish")
        self._backlog.append(first)
        tasks.spawn(self._progress.run(), "progress")
        recording = tasks.spawn(self._recorder.run(first, rest), "record")
        interrupts.first = lambda: (
            recording.cancel() if self._recorder.live.is_set() else interrupts.at_once()
        )
        try:
            await self._deliver()
            await asyncio.wait({recording})
        except Failure as failure:
            return self._not_delivered(failure, interrupts)
        finally:
            await tasks.close()
        self._progress.say(f"{self._progress.summary()}; all of it stands in the playlist")
        return _outcome(recording, interrupts)

    def words(self) -> str:
        """What the progress line says of safety."""
        unsafe = f"{self._backlog.unsafe:.1f} s not yet"
        if self._lost_at is not None:
            return f"{unsafe} safe   reconnecting …"
        if self._backlog.stopped:
            return f"waiting for the server: {unsafe} in the playlist"
        if self._recorder.waiting:
            return f"{unsafe} safe   the file waits: no more is kept until the server has caught up"
        troubled = self._status.state not in ("", "live")
        return f"{unsafe} safe" + (f"   {self._status.message}" if troubled else "")

    def _not_delivered(self, failure: Failure, interrupts: Interrupts) -> Exit:
        if self._recorder.live.is_set():
            self._progress.say(self._progress.summary())
        if not interrupts.happened:
            raise failure
        self._progress.complain(str(failure))
        return Exit.INTERRUPTED

    async def _deliver(self) -> None:
        """Connect, and again, until all is delivered. Raises :class:`Failure` where that is hopeless."""
        while True:
            verdict = await self._attempt()
            match verdict.then:
                case Then.DONE:
                    return
                case Then.FAIL:
                    raise verdict.failure
                case Then.AFRESH:
                    self._afresh()
            await self._pause(verdict)

    async def _attempt(self) -> Verdict:
        """One connection, to its end."""
        target, seconds = self._target, _REOPEN_SECONDS if self._opened else OPEN_SECONDS
        try:
            connection = await Connection.open(
                target.server,
                target.stream_key,
                target.token,
                subprotocol=dialogue.SUBPROTOCOL,
                seconds=seconds,
            )
        except Failure as failure:
            return self._unreached(failure)
        self._opened = True
        return await self._converse(connection)

    def _unreached(self, failure: Failure) -> Verdict:
        """There is no connection. At the very first there probably is no server either."""
        if not self._opened or not failure.temporary:
            return Verdict(Then.FAIL, failure)
        self._lose()
        return Verdict(Then.LATER if failure.exit is Exit.BUSY else Then.RETRY, failure)

    async def _converse(self, connection: Connection) -> Verdict:
        resumed = bool(self._backlog.broadcast)
        link = self._backlog.connect()
        recorder = self._recorder
        one = Conversation(connection, link, recorder.news, self._took, self._sent, lambda: recorder.began)
        try:
            await one.run(self._greeting())
        except Violation as violation:
            return Verdict(Then.FAIL, Failure(Exit.REFUSED, str(violation)))
        verdict = self._judge(one, resumed)
        if verdict.then not in (Then.DONE, Then.FAIL):
            self._lost(one, verdict)
        return verdict

    def _greeting(self) -> str:
        if self._backlog.broadcast:
            return dialogue.resume(self._backlog.resume())
        # once on air, whoever has the channel now has taken it from us: no tug of war
        takeover = self._target.takeover and not self._recorder.live.is_set()
        return dialogue.start(self._backlog.init, self._target.title, takeover=takeover)

    def _judge(self, one: Conversation, resumed: bool) -> Verdict:
        now = Circumstances(
            resumed=resumed,
            ready=one.ready,
            live=self._recorder.live.is_set(),
            delivered=self._backlog.recorded and not self._backlog.held,
            doubtful=self._clock() < self._doubt_until,
            failed=self._failed,
        )
        if one.ended:
            return dialogue.ended(now, stopped=self._backlog.stopped)
        return dialogue.judge(one.end, one.error, now)

    def _lost(self, one: Conversation, verdict: Verdict) -> None:
        """A connection has ended, and another one has to follow."""
        now = self._clock()
        if one.ready and now - self._ready_at >= _HELD_SECONDS:
            self._waits.reset()
        if not one.ready and one.unanswered:
            self._doubt_until = now + _DOUBT_SECONDS
        if one.ready and one.error and one.error.code == Code.INTERNAL:
            self._failed = one.error.message
        if self._lost_at is None and verdict.then is not Then.AFRESH and not verdict.retry_after:
            self._progress.say(str(verdict.failure))
        self._lose()

    def _lose(self) -> None:
        if self._lost_at is None:
            self._lost_at = self._clock()

    def _afresh(self) -> None:
        """What is held goes into another broadcast, from the start of a unit on."""
        self._backlog.afresh()
        kept = f"the {self._backlog.unsafe:.1f} s that were not yet safe are sent again in it"
        self._tell = f"The server had ended the broadcast; a new one has begun: {kept}."

    async def _pause(self, verdict: Verdict) -> None:
        """Wait before the next attempt. Raises :class:`Failure` when it has been long enough."""
        assert self._lost_at is not None
        since = self._clock() - self._lost_at
        left = self._give_up() - since
        if left <= 0:
            raise self._given_up(verdict)
        later, asked = verdict.then is Then.LATER, verdict.retry_after
        wait = min(left, self._waits.next(since, later=later, at_least=asked))
        if asked:
            self._progress.say(f"{verdict.failure} Trying again in {wait:.0f} s.")
        await asyncio.sleep(wait)

    def _give_up(self) -> float:
        if self._target.give_up is not None:
            return self._target.give_up
        return max(GIVE_UP_SECONDS, self._window + _MARGIN)

    def _given_up(self, verdict: Verdict) -> Failure:
        what = f"{self._backlog.unsafe:.1f} s of what was recorded are not known to be safe"
        words = f"Given up after {self._give_up():g} s without the server; {what}. The last attempt"
        return Failure(Exit.LOST, f"{words}: {verdict.failure}")

    def _took(self, message: Heard) -> None:
        match message:
            case Ready():
                self._ready(message)
            case Ack():
                self._recorder.freed.set()
            case Status():
                self._status = message

    def _ready(self, message: Ready) -> None:
        if self._tell:
            self._progress.say(self._tell)
        self._tell = "Connected again; going on from what the server has."
        self._window = message.resume_window
        self._lost_at, self._ready_at, self._failed = None, self._clock(), ""
        self._recorder.live.set()

    def _sent(self, piece: Bytes) -> None:
        self._progress.sent(piece.due, piece.fresh, again=len(piece.data) - piece.fresh)


def _outcome(recording: asyncio.Task[Failure | None], interrupts: Interrupts) -> Exit:
    """All that was recorded is delivered; but perhaps not all could be recorded."""
    failure = None if recording.cancelled() else recording.result()
    if failure:
        raise failure
    return Exit.INTERRUPTED if interrupts.happened else Exit.SENT
