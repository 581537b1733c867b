"""goose sessions for lethe."""

from __future__ import annotations

from lethe_core import Parser, hookimpl
from lethe_goose.parser import GooseParser

__all__ = ["GooseParser", "lethe_parsers"]

__version__ = "0.1.0"


@hookimpl
def lethe_parsers() -> list[Parser]:
    """Provide the parser for goose."""
    return [GooseParser()]
