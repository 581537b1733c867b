"""Real transcripts: where they lie, and what is checked on those of every tool.

The corpus is not part of the repository. `LETHE_CORPUS` names its folder; without it, the folder
``shared/corpus`` beside the repository is used, and tests skip where there is none.
"""

from __future__ import annotations

import importlib.util
import os
import random
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lethe_core import Source, TurnEvent
from lethe_core.testing import read_records, wire_lines
from lethe_core.wire import decode_line, encode_event

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from lethe_core import Parser
    from lethe_core.sources import Record

CUTS = 20
GROWTHS = 25


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Give the folder of the corpus, or skip."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "corpus"
    folder = Path(os.environ.get("LETHE_CORPUS") or beside)
    if not folder.is_dir():
        pytest.skip("there is no corpus of transcripts (LETHE_CORPUS)")
    return folder


@pytest.fixture(scope="module")
def count(request: pytest.FixtureRequest) -> ModuleType:
    """Import the independent count beside the test."""
    path = request.path.parent / "count.py"
    spec = importlib.util.spec_from_file_location(f"count_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def archive() -> Callable[..., dict[str, int]]:
    """Count what the archive would hold of some transcripts.

    A turn counts once per session, usage once per key. Prompts, answers and calls are counted by
    `metadata.kind`.
    """

    def count_turns(parser: Parser, *paths: Path) -> dict[str, int]:
        turns, usages = {}, {}
        for path in paths:
            for record in read_records(parser, Source.from_stat(path, path.parent)):
                for event in record.events:
                    if isinstance(event, TurnEvent):
                        turns.setdefault((event.session_id, event.turn_id), event)
                        if event.usage:
                            usages.setdefault(event.usage.key, []).append(event.usage)
        kinds = [turn.metadata["kind"] for turn in turns.values()]
        counts = {
            "prompts": kinds.count("prompt"),
            "answers": kinds.count("answer"),
            "tool_calls": kinds.count("tool_call"),
        }
        for field in ("input", "output", "cache_read"):
            counts[field] = sum(
                max(getattr(usage, field) for usage in copies) for copies in usages.values()
            )
        return counts

    return count_turns


@pytest.fixture(scope="session")
def check_reading() -> Callable[[Parser, Path], list[Record]]:
    """Check that a transcript can be read at once and in two parts, and passes the wire."""

    def check(parser: Parser, path: Path) -> list[Record]:
        source = Source.from_stat(path, path.parent)
        records = read_records(parser, source)
        for record in records:
            for event in record.events:
                event.host = "corpus"
                decode_line(encode_event(event))
                event.host = ""
        lines = [wire_lines(record.events) for record in records]
        for cut in range(0, len(records), max(1, len(records) // CUTS)):
            rest = read_records(parser, source, records[cut].cursor)
            assert [wire_lines(record.events) for record in rest] == lines[cut + 1 :]
        return records

    return check


@pytest.fixture
def check_growing(tmp_path: Path) -> Callable[[Parser, Path], None]:
    """Check that following a file while it is written gives what reading it at once gives."""

    def check(parser: Parser, path: Path) -> None:
        data = path.read_bytes()
        copy = tmp_path / path.name
        chance = random.Random(len(data))
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(GROWTHS))
        lines, cursor = [], None
        with copy.open("wb", buffering=0) as file:
            for start, end in pairwise([0, *cuts, len(data)]):
                file.write(data[start:end])
                source = Source.from_stat(copy, tmp_path)
                for record in parser.read(source, cursor):
                    lines += wire_lines(record.events)
                    cursor = record.cursor
        whole = read_records(parser, Source.from_stat(copy, tmp_path))
        assert lines == [line for record in whole for line in wire_lines(record.events)]

    return check
