"""Structured logs: one line an event, JSON or for a console, and no secret in any of them."""

from ingestd.log.recent import Recent
from ingestd.log.redaction import redact
from ingestd.log.setup import configure, in_json, tell_of_repeats

__all__ = ["Recent", "configure", "in_json", "redact", "tell_of_repeats"]
