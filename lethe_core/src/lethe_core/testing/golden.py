"""Golden files: what a parser makes of a sample, kept beside it and reviewed as a diff.

``NAME.jsonl`` holds the sample, ``NAME.events.ndjson`` the events, one a line in the order of the
source. After a change that is meant, run the tests once with ``LETHE_GOLDEN=refresh`` in the
environment and read the difference before it is committed.
"""

from __future__ import annotations

import difflib
import json
import os
from typing import TYPE_CHECKING, Final

from lethe_core.testing.reading import wire_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lethe_core.events import Event

_VARIABLE: Final = "LETHE_GOLDEN"
_MAX_DIFF_LINES: Final = 80


def assert_golden(events: Iterable[Event], path: Path) -> None:
    """Compare events with a golden file, or write it if the environment asks for that.

    Args:
        events: what the parser gave.
        path: the golden file, such as ``samples/first.events.ndjson``.

    Raises:
        AssertionError: the file is missing or holds other events; the message shows a diff.
    """
    actual = format_events(events)
    if os.environ.get(_VARIABLE) == "refresh":
        path.write_text(actual, encoding="utf-8", newline="")
        return
    hint = f"(if this is meant: run again with {_VARIABLE}=refresh)"
    if not path.exists():
        raise AssertionError(f"there is no golden file {path.name} {hint}")
    expected = path.read_text(encoding="utf-8")
    if actual != expected:
        raise AssertionError(f"{path.name} differs {hint}\n{_difference(expected, actual)}")


def format_events(events: Iterable[Event]) -> str:
    """Write events as a golden file holds them: NDJSON, fields in the order of the schema."""
    return "".join(f"{line.decode()}\n" for line in wire_lines(events))


def _difference(expected: str, actual: str) -> str:
    """Show what differs, a field a line, and not more than a screen or two of it."""
    lines = list(
        difflib.unified_diff(
            _indented(expected), _indented(actual), "expected", "actual", lineterm="", n=4
        )
    )
    more = len(lines) - _MAX_DIFF_LINES
    return "\n".join([*lines[:_MAX_DIFF_LINES], f"... {more} more lines"] if more > 0 else lines)


def _indented(text: str) -> list[str]:
    return [
        line
        for event in filter(None, text.split("\n"))
        for line in json.dumps(json.loads(event), indent=1, ensure_ascii=False).splitlines()
    ]
