"""Short ways to read a source in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lethe_core.events import Event
    from lethe_core.parser import Parser
    from lethe_core.sources import Cursor, Record, Source


def only_source(parser: Parser, root: Path) -> Source:
    """Return the one source that a parser finds below a root, or at it.

    Raises:
        AssertionError: it finds none or several.
    """
    found = list(parser.discover(root))
    if len(found) != 1:
        raise AssertionError(f"{len(found)} sources at {root}, expected one")
    return found[0]


def read_records(parser: Parser, source: Source, cursor: Cursor | None = None) -> list[Record]:
    """Read all records after a cursor."""
    return list(parser.read(source, cursor))


def read_events(parser: Parser, source: Source, cursor: Cursor | None = None) -> list[Event]:
    """Read all events after a cursor."""
    return [event for record in parser.read(source, cursor) for event in record.events]


def wire_lines(events: Iterable[Event]) -> list[bytes]:
    """Encode events as they are, for comparing; nothing is cut or checked."""
    return [msgspec.json.encode(event) for event in events]
