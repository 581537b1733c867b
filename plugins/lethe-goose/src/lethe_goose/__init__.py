"""goose sessions for lethe. FORMAT.md says what is mapped, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lethe_core import hookimpl
from lethe_goose.parser import GooseParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Parser

__all__ = ["GooseParser", "lethe_parsers"]

__version__ = "0.1.0"


@hookimpl
def lethe_parsers() -> Iterable[Parser]:
    """Provide the parser of goose."""
    return [GooseParser()]
