"""The contract of a parser, checked on the samples, and what they are mapped to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lethe_cline import ClineParser, KiloParser, RooParser
from lethe_core.testing import SnapshotConformance, assert_golden, only_source, read_events

SAMPLES = Path(__file__).parent / "samples"
PARSERS = {"cline": ClineParser, "roo": RooParser}
MODIFIED = 1_784_000_100_000_000_000


class TestClineParser(SnapshotConformance):
    """Tasks and sessions of Cline keep the contract."""

    parser_type = ClineParser
    samples = SAMPLES / "cline"


class TestRooParser(SnapshotConformance):
    """Tasks of Roo Code keep the contract."""

    parser_type = RooParser
    samples = SAMPLES / "roo"


class TestKiloParser(SnapshotConformance):
    """Tasks of Kilo Code, which have the form of Roo Code's, keep the contract."""

    parser_type = KiloParser
    samples = SAMPLES / "roo"


def test_kilo_reads_what_roo_reads() -> None:
    """The same task gives the same turns, of another tool."""
    for roo in RooParser().discover(SAMPLES / "roo"):
        kilo = read_events(KiloParser(), roo)
        assert {event.tool for event in kilo} == {"kilo-code"}
        for event in kilo:
            event.tool = "roo"
        assert kilo == read_events(RooParser(), roo)


@pytest.mark.parametrize(
    ("tool", "sample"),
    [
        (tool, source.path)
        for tool, parser_type in PARSERS.items()
        for source in parser_type().discover(SAMPLES / tool)
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_golden(tool: str, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sample is mapped to the events that stand beside it."""
    monkeypatch.chdir(SAMPLES / tool)
    parser = PARSERS[tool]()
    source = only_source(parser, sample.relative_to(SAMPLES / tool))
    events = read_events(parser, replace(source, mtime_ns=MODIFIED))

    assert_golden(events, sample.with_suffix(".events.ndjson"))
