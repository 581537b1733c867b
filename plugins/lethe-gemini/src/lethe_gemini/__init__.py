"""Gemini CLI chats for lethe."""

from __future__ import annotations

from lethe_core import Parser, hookimpl
from lethe_gemini.parser import GeminiParser

__all__ = ["GeminiParser", "lethe_parsers"]

__version__ = "0.1.0"


@hookimpl
def lethe_parsers() -> list[Parser]:
    """Provide the parser for Gemini CLI."""
    return [GeminiParser()]
