"""Real transcripts: what is checked on those of every tool."""

from __future__ import annotations

import importlib.util
import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from corpus.table import archived, why_different

from lethe_core import Source
from lethe_core.testing import read_records, wire_lines
from lethe_core.wire import decode_line, encode_event

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from lethe_core import Parser
    from lethe_core.sources import Record

CUTS = 20
GROWTHS = 25


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

    def count_turns(parser: Parser, path: Path) -> dict[str, int]:
        records = read_records(parser, Source.from_stat(path, path.parent))
        return archived(event for record in records for event in record.events)

    return count_turns


@pytest.fixture(scope="session")
def explain() -> Callable[..., None]:
    """Check that two counts of a file differ where that is known and explained alone."""

    def check(tool: str, path: Path, expected: dict[str, int], actual: dict[str, int]) -> None:
        list(why_different(tool, path, expected, actual))

    return check


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
