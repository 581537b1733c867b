"""The contract of a parser, checked on the samples, and what they are mapped to."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lethe_core import TurnEvent
from lethe_core.testing import (
    JsonlConformance,
    ParserConformance,
    assert_golden,
    only_source,
    read_events,
)
from lethe_gemini import GeminiParser

SAMPLES = Path(__file__).parent / "samples"
CHATS = sorted(path for path in SAMPLES.rglob("*.json*") if path.suffix in (".json", ".jsonl"))
MODIFIED = 1_767_603_612_000_000_000


class TestAllForms(ParserConformance):
    """Documents and lines keep the contract."""

    parser_type = GeminiParser
    samples = SAMPLES


class TestLines(JsonlConformance):
    """Chats of JSON lines keep the contract of growing files."""

    parser_type = GeminiParser

    def write_samples(self, root: Path) -> None:
        """Copy the samples without the document."""
        shutil.copytree(SAMPLES, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.json"))

    def test_new_generation_stands_behind_the_old(self, tmp_path: Path) -> None:
        """What a replaced file says of a message replaces what its predecessor said."""
        for source in self.sources(tmp_path):
            old = turns(read_events(GeminiParser(), source))
            new = turns(read_events(GeminiParser(), replace(source, generation=1)))
            assert min(turn.seq for turn in new) > max(turn.seq for turn in old)
            own = {turn.turn_id: turn.revision for turn in new if turn.revision >= 1 << 42}
            assert own
            for turn in old:
                assert turn.revision < own.get(turn.turn_id, 1 << 53)


@pytest.mark.parametrize("sample", CHATS, ids=lambda path: path.name[-14:])
def test_golden(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sample is mapped to the events that stand beside it."""
    monkeypatch.chdir(SAMPLES)
    source = only_source(GeminiParser(), sample.relative_to(SAMPLES))
    events = read_events(GeminiParser(), replace(source, mtime_ns=MODIFIED))

    assert_golden(events, sample.with_name(f"{sample.name}.events.ndjson"))


def turns(events: list) -> list[TurnEvent]:
    """Leave the sessions' events out."""
    return [event for event in events if isinstance(event, TurnEvent)]
