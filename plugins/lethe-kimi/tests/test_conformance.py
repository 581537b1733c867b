"""The contract of a parser, checked on the samples, and what they are mapped to."""

from __future__ import annotations

from pathlib import Path

import pytest

from lethe_core.testing import JsonlConformance, assert_golden, only_source, read_events
from lethe_kimi import KimiCliParser, KimiCodeParser

SAMPLES = Path(__file__).parent / "samples"
CASES = [
    *((KimiCliParser, path) for path in sorted((SAMPLES / "kimi-cli").rglob("wire.jsonl"))),
    *((KimiCodeParser, path) for path in sorted((SAMPLES / "kimi-code").rglob("wire.jsonl"))),
]


class TestKimiCliParser(JsonlConformance):
    """Wires of Kimi CLI keep the contract."""

    parser_type = KimiCliParser
    samples = SAMPLES / "kimi-cli"


class TestKimiCodeParser(JsonlConformance):
    """Wires of Kimi Code keep the contract."""

    parser_type = KimiCodeParser
    samples = SAMPLES / "kimi-code"


@pytest.mark.parametrize(
    ("parser_type", "sample"),
    CASES,
    ids=[f"{case[0].tool}-{case[1].parent.name}" for case in CASES],
)
def test_golden(parser_type, sample: Path, monkeypatch: pytest.MonkeyPatch):
    """Each sample is mapped to the events that stand beside it."""
    monkeypatch.chdir(SAMPLES)
    source = only_source(parser_type(), sample.relative_to(SAMPLES))

    assert_golden(read_events(parser_type(), source), sample.with_suffix(".events.ndjson"))
