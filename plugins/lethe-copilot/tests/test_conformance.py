"""The contract of a parser, checked on the samples, and what they are mapped to."""

from __future__ import annotations

from pathlib import Path

import pytest

from lethe_copilot import CopilotParser
from lethe_core.testing import JsonlConformance, assert_golden, only_source, read_events

SAMPLES = Path(__file__).parent / "samples"


class TestCopilotParser(JsonlConformance):
    """Sessions of Copilot keep the contract."""

    parser_type = CopilotParser
    samples = SAMPLES


@pytest.mark.parametrize(
    "sample", sorted(SAMPLES.rglob("*.jsonl")), ids=lambda path: path.stem[-12:]
)
def test_golden(sample: Path, monkeypatch: pytest.MonkeyPatch):
    """Each sample is mapped to the events that stand beside it."""
    monkeypatch.chdir(SAMPLES)
    source = only_source(CopilotParser(), sample.relative_to(SAMPLES))

    assert_golden(read_events(CopilotParser(), source), sample.with_suffix(".events.ndjson"))
