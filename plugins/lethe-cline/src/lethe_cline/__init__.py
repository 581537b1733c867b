"""Cline, Roo Code and Kilo Code tasks for lethe."""

from __future__ import annotations

from lethe_cline.parser import ClineParser, KiloParser, RooParser
from lethe_core import Parser, hookimpl

__all__ = ["ClineParser", "KiloParser", "RooParser", "lethe_parsers"]

__version__ = "0.1.0"


@hookimpl
def lethe_parsers() -> list[Parser]:
    """Provide the parsers for Cline and for its relatives."""
    return [ClineParser(), RooParser(), KiloParser()]
