"""The contract of a parser, checked on the samples, and what they are mapped to."""

from __future__ import annotations

from pathlib import Path

import pytest

from lethe_codex import CodexParser
from lethe_core.testing import JsonlConformance, assert_golden, only_source, read_events

SAMPLES = Path(__file__).parent / "samples"


class TestCodexParser(JsonlConformance):
    """Codex rollouts keep the contract."""

    parser_type = CodexParser
    samples = SAMPLES


@pytest.mark.parametrize(
    "sample", sorted(SAMPLES.rglob("*.jsonl")), ids=lambda path: path.stem[-12:]
)
def test_golden(sample: Path, monkeypatch: pytest.MonkeyPatch):
    """Each sample is mapped to the events that stand beside it."""
    monkeypatch.chdir(SAMPLES)
    source = only_source(CodexParser(), sample.relative_to(SAMPLES))

    assert_golden(read_events(CodexParser(), source), sample.with_suffix(".events.ndjson"))
