"""Cline, Roo Code and Kilo Code tasks for lethe. FORMAT.md says what is mapped, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lethe_cline.parser import ClineParser, KiloParser, RooParser
from lethe_core import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Parser

__all__ = ["ClineParser", "KiloParser", "RooParser", "lethe_parsers"]

__version__ = "0.1.0"


@hookimpl
def lethe_parsers() -> Iterable[Parser]:
    """Provide the parsers of Cline and of its relatives."""
    return [ClineParser(), RooParser(), KiloParser()]
