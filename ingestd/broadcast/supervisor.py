"""Generation after generation of the encoder until an epoch stands in the playlist.

The supervisor owns the loop; a generation lives once. What ended one decides what comes next: at
once or after a while the same again, the same with fewer renditions, or nothing any more.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from ingestd.broadcast.backoff import Backoff
from ingestd.broadcast.epoch import Epoch
from ingestd.broadcast.failures import SENTENCES, Reason, given_up, hopeless
from ingestd.broadcast.generation import Generation, Outcome, Works
from ingestd.broadcast.latency import Latency
from ingestd.broadcast.ledger import Ledger
from ingestd.broadcast.lifecycle import Event
from ingestd.broadcast.pace import Pace
from ingestd.broadcast.report import Report, Reports
from ingestd.delivery.delivery import Delivery
from ingestd.encoder.encoder import Encoder
from ingestd.encoder.ladder import Rendition, without_largest
from ingestd.journal.journal import Kept
from ingestd.telemetry import span

log = structlog.get_logger("ingestd.supervisor")

_RESHAPED = {Reason.TOO_SLOW: (Event.TOO_SLOW, 1), Reason.PLANNED: (Event.CLIMB, -1)}
_PATIENCE_DOUBLINGS = 2


class GiveUp(Exception):
    """A failure that another generation would meet again; its text is for the broadcaster."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Restarts in a row without a new segment; seconds of media that may wait for an nginx that is away."""

    restarts: int
    target_lag: float


class Supervisor:
    """Of one broadcast: many lives of encoders, one after the other.

    ``notify`` is told what happens, in the order in which it happens.
    """

    def __init__(
        self,
        broadcast: str,
        delivery: Delivery,
        ledger: Ledger,
        works: Works,
        limits: Limits,
        notify: Callable[[Event], None],
        latency: Latency,
    ) -> None:
        self.restarts: Counter[str] = Counter()
        self.generations = 0  # the number that the next one gets
        self.reports = Reports()
        self.trouble = ""  # what happened to the last encoder, in a plain sentence
        self._broadcast = broadcast
        self._delivery = delivery
        self._ledger = ledger
        self._works = works
        self._limits = limits
        self._notify = notify
        self._latency = latency
        self._bent = (0, 0)  # as ``bent``, of generations that are over
        self._epoch: Epoch | None = None
        self._generation: Generation | None = None
        self._backoff = Backoff(limits.restarts)
        self._in_a_row: Counter[Reason] = Counter()
        self._pace = Pace(works.slow_timeout, works.climb_after, works.segment)
        self._shed = 0  # renditions that are left out, from the top

    @property
    def encoder(self) -> Encoder | None:
        """The encoder that runs now."""
        return self._generation.encoder if self._generation else None

    @property
    def bent(self) -> tuple[int, int]:
        """Frames that encoders have left out, and repeated, to keep to the frame rate."""
        dropped, doubled = self._bent
        if encoder := self.encoder:
            return dropped + encoder.progress.dropped, doubled + encoder.progress.doubled
        return dropped, doubled

    @property
    def active(self) -> tuple[Rendition, ...]:
        """Renditions that are encoded at present."""
        return self._epoch.active if self._epoch else ()

    @property
    def dropped(self) -> list[Rendition]:
        """Renditions that are not encoded at present, since the machine is too slow for them."""
        epoch = self._epoch
        return [made for made in epoch.renditions if made not in epoch.active] if epoch else []

    def restore(self, kept: Kept) -> None:
        """What is known of the generations of an earlier process."""
        self.reports = Reports(_reports(kept))
        self.generations = _next_generation(kept)

    async def deliver(self, epoch: Epoch) -> None:
        """Until all of the epoch stands in the playlist; raises :class:`GiveUp`."""
        self._epoch = epoch
        try:
            while (first := await epoch.first_to_replay()) is not None:
                outcome = await self._live(epoch, first)
                if outcome.reason is None:
                    return
                self.restarts[outcome.reason.value] += 1
                if outcome.reason in _RESHAPED:
                    self._reshape(outcome.reason)
                else:
                    await self._recover(outcome.reason, outcome)
        finally:
            self._epoch = None

    async def _live(self, epoch: Epoch, first: int) -> Outcome:
        """One generation, from its first fragment to its report."""
        epoch.encode(without_largest(epoch.renditions, self._shed))
        generation = Generation(
            self.generations,
            self._broadcast,
            epoch,
            self._delivery,
            self._works,
            self._pace,
            self._patience,
            self._heard,
            self._latency,
        )
        self._generation = generation
        self.generations += 1
        structlog.contextvars.bind_contextvars(generation=generation.number)
        self._ledger.generation(generation.number, {})
        try:
            about: dict[str, str | int] = {"broadcast": self._broadcast, "generation": generation.number}
            with span("generation", about, root=True) as note:
                outcome = await generation.run(first)
                note("reason", outcome.report.reason)
        finally:
            self._bent, self._generation = self.bent, None
        self.reports.add(outcome.report)
        self._ledger.generation(generation.number, outcome.report.as_dict())
        return outcome

    @property
    def _patience(self) -> float:
        """Seconds without a segment until the next generation is called stalled: more each time."""
        return self._works.stall_timeout * 2.0 ** min(self._backoff.failures, _PATIENCE_DOUBLINGS)

    def _heard(self, event: Event) -> None:
        if event is Event.SEGMENT:
            self._backoff.succeed()
            self._in_a_row.clear()
            self.trouble = ""
            self._ledger.acknowledge()
        self._notify(event)

    def _reshape(self, reason: Reason) -> None:
        """Nothing has failed: the next generation makes fewer renditions, or one more."""
        event, more = _RESHAPED[reason]
        self._shed = max(0, self._shed + more)
        self.trouble = SENTENCES[reason]
        log.warning("renditions_changed", reason=reason.value, left_out=self._shed, sentence=self.trouble)
        self._notify(event)

    async def _recover(self, reason: Reason, outcome: Outcome) -> None:
        """Wait until the next try; raises :class:`GiveUp` when none would help."""
        self._in_a_row[reason] += 1
        self.trouble = SENTENCES[reason]
        self._notify(Event.ENCODER_DIED)
        wait = self._backoff.fail(random.random())
        if wait is None and reason is Reason.TARGET and self._waits_for_target():
            wait = self._backoff.cap
        log.warning(
            "encoder_died",
            reason=reason.value,
            sentence=self.trouble,
            exit=str(outcome.exit),
            retry_in=wait,
            lines=outcome.report.lines,
        )
        if wait is None or hopeless(reason, self._in_a_row[reason]):
            raise GiveUp(given_up(reason, self._backoff.failures))
        await asyncio.sleep(wait)
        self._notify(Event.RESTART)

    def _waits_for_target(self) -> bool:
        """nginx-rtmp that is away is no crash loop: it is waited for as a publisher is."""
        return self._epoch is not None and self._epoch.lag < self._limits.target_lag


def _reports(kept: Kept) -> list[Report]:
    """Those that this version understands."""
    found = []
    for report in kept.reports:
        with suppress(ValueError):
            found.append(Report.from_json(json.dumps(report)))
    return found


def _next_generation(kept: Kept) -> int:
    """A number that no segment carries, also where the journal had no room for a generation."""
    numbers = [int(row.uri.rpartition("/")[2].partition("-")[0]) for row in kept.segments]
    return max([kept.generations, *(number + 1 for number in numbers)])
