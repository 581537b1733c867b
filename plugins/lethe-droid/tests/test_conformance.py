"""The contract of a parser, checked on the samples, and what they are mapped to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lethe_core.testing import ParserConformance, assert_golden, only_source, read_events
from lethe_droid import DroidParser

SAMPLES = Path(__file__).parent / "samples"
MODIFIED = 1_790_000_009_000_000_000


class TestDroidParser(ParserConformance):
    """Sessions of Droid keep the contract."""

    parser_type = DroidParser
    samples = SAMPLES


@pytest.mark.parametrize(
    "sample",
    [source.path.relative_to(SAMPLES) for source in DroidParser().discover(SAMPLES)],
    ids=lambda path: path.name[-20:],
)
def test_golden(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sample is mapped to the events that stand beside it."""
    monkeypatch.chdir(SAMPLES)
    source = replace(only_source(DroidParser(), sample), mtime_ns=MODIFIED)

    assert_golden(read_events(DroidParser(), source), SAMPLES / f"{sample}.events.ndjson")
