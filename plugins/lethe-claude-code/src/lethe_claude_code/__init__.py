"""Claude Code transcripts for lethe.

FORMAT.md in this distribution says what is mapped, with what evidence, and what is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lethe_claude_code.parser import ClaudeCodeParser
from lethe_core import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Parser

__all__ = ["ClaudeCodeParser", "lethe_parsers"]

__version__ = "0.1.0"


@hookimpl
def lethe_parsers() -> Iterable[Parser]:
    """Provide the parser of this distribution."""
    return [ClaudeCodeParser()]
