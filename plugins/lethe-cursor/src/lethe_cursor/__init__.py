"""Cursor agent transcripts for lethe."""

from __future__ import annotations

from lethe_core import Parser, hookimpl
from lethe_cursor.parser import CursorParser

__all__ = ["CursorParser", "lethe_parsers"]

__version__ = "0.1.0"


@hookimpl
def lethe_parsers() -> list[Parser]:
    """Provide the parser for the Cursor agent."""
    return [CursorParser()]
