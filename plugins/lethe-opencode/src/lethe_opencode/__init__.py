"""opencode sessions for lethe."""

from __future__ import annotations

from lethe_core import Parser, hookimpl
from lethe_opencode.parser import OpencodeParser

__all__ = ["OpencodeParser", "lethe_parsers"]

__version__ = "0.1.0"


@hookimpl
def lethe_parsers() -> list[Parser]:
    """Provide the parser for opencode."""
    return [OpencodeParser()]
