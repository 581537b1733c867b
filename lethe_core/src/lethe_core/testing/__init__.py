"""The kit for authors of parsers: a conformance suite, golden files and actions on files.

Subclass `JsonlConformance`, `SnapshotConformance` or `SqliteConformance` after the parser's base
class, or `ParserConformance` for any other, in a test module, and pytest checks that the parser
keeps its contract::

    from pathlib import Path

    from lethe_core.testing import JsonlConformance
    from lethe_my_tool import MyToolParser


    class TestMyToolParser(JsonlConformance):
        parser_type = MyToolParser
        samples = Path(__file__).parent / "samples"

The kit does not import pytest: its classes are plain ones that pytest collects, and nothing of
lethe imports the kit when it runs. docs/writing-a-parser.md is the tutorial.
"""

from __future__ import annotations

from lethe_core.testing.access import AccessRecorder
from lethe_core.testing.conformance import ParserConformance
from lethe_core.testing.files import (
    append,
    append_partial,
    copy_truncate,
    json_line,
    overwrite,
    replace,
    rotate,
    truncate,
)
from lethe_core.testing.golden import assert_golden, format_events
from lethe_core.testing.jsonl import JsonlConformance
from lethe_core.testing.reading import only_source, read_events, read_records, wire_lines
from lethe_core.testing.snapshots import SnapshotConformance
from lethe_core.testing.sqlite import SqliteConformance, make_database

__all__ = [
    "AccessRecorder",
    "JsonlConformance",
    "ParserConformance",
    "SnapshotConformance",
    "SqliteConformance",
    "append",
    "append_partial",
    "assert_golden",
    "copy_truncate",
    "format_events",
    "json_line",
    "make_database",
    "only_source",
    "overwrite",
    "read_events",
    "read_records",
    "replace",
    "rotate",
    "truncate",
    "wire_lines",
]
