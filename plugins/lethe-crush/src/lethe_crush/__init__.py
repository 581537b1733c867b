"""Crush sessions for lethe."""

from __future__ import annotations

from lethe_core import Parser, hookimpl
from lethe_crush.parser import CrushParser

__all__ = ["CrushParser", "lethe_parsers"]

__version__ = "0.1.0"


@hookimpl
def lethe_parsers() -> list[Parser]:
    """Provide the parser for Crush."""
    return [CrushParser()]
