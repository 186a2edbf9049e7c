"""What the README says is what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from prometheus_client.metrics_core import Metric

from ingestd.broadcast.broadcast import Terms
from ingestd.broadcast.lifecycle import diagram
from ingestd.broadcast.registry import Broadcasts, Limits
from ingestd.cli.main import parser
from ingestd.errors import ANSWERS
from ingestd.ingest.session import STOP_CODE
from ingestd.metrics import ChannelLabels, registry
from ingestd.monitor.host import Host
from ingestd.monitor.monitor import Monitor

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OURS = re.compile("ingestd_(?!process_)")


def test_the_state_diagram_is_the_table() -> None:
    assert f"```mermaid\n{diagram()}```" in README


def test_a_chunk_passes_through_at_most_six_files_which_exist() -> None:
    path = re.findall(r"^\d\. \[`(ingestd/[\w/]+\.py)`\]\((ingestd/[\w/]+\.py)\)", README, re.MULTILINE)
    assert 1 <= len(path) <= 6
    assert all(shown == target and (ROOT / target).is_file() for shown, target in path)


def test_every_link_into_the_checkout_leads_somewhere() -> None:
    targets = re.findall(r"\]\(([\w./-]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_metrics_are_the_ones_there_are() -> None:
    broadcasts = Broadcasts(cast(Terms, None), Limits(1, 0, 1.0), Path())
    collected = registry(broadcasts, lambda: 0, Monitor(), Host(ROOT), ChannelLabels(lambda: ())).collect()
    made = {sample_name(family) for family in collected if OURS.match(family.name)}
    named = set(re.findall(r"`(ingestd_\w+)", README[README.index("## Metrics") :]))
    assert named == made


def sample_name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def test_every_command_is_there_and_no_other() -> None:
    listed = set(re.findall(r"^\| `ingestd ([\w-]+)", README, re.MULTILINE))
    choices = next(action.choices for action in parser()._actions if action.choices)
    assert listed == set(choices)


def test_every_close_code_that_can_be_met_is_explained() -> None:
    explained = {int(code) for code in re.findall(r"^\| (\d{4}) \|", README, re.MULTILINE)}
    assert explained == {close for close, _ in ANSWERS.values()}
    assert f"socket.close({STOP_CODE})" in README
