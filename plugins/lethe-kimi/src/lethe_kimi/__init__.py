"""Kimi CLI and Kimi Code transcripts for lethe. FORMAT.md says what is mapped, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lethe_core import hookimpl
from lethe_kimi.cli import KimiCliParser
from lethe_kimi.code import KimiCodeParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Parser

__all__ = ["KimiCliParser", "KimiCodeParser", "lethe_parsers"]

__version__ = "0.1.0"


@hookimpl
def lethe_parsers() -> Iterable[Parser]:
    """Provide the parsers of both generations; they are two tools with a folder each."""
    return [KimiCliParser(), KimiCodeParser()]
