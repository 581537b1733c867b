"""The contract of a parser, checked on the samples, and what they are mapped to."""

from __future__ import annotations

from pathlib import Path

import pytest

from lethe_core.testing import JsonlConformance, assert_golden, only_source, read_events
from lethe_cursor import CursorParser

SAMPLES = Path(__file__).parent / "samples"


class TestCursorParser(JsonlConformance):
    """Transcripts of the Cursor agent keep the contract."""

    parser_type = CursorParser
    samples = SAMPLES


@pytest.mark.parametrize(
    "sample", sorted(SAMPLES.rglob("*.jsonl")), ids=lambda path: path.stem[-12:]
)
def test_golden(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sample is mapped to the events that stand beside it."""
    monkeypatch.chdir(SAMPLES)
    source = only_source(CursorParser(), sample.relative_to(SAMPLES))

    assert_golden(read_events(CursorParser(), source), sample.with_suffix(".events.ndjson"))
