"""Qwen Code chats for lethe."""

from __future__ import annotations

from lethe_core import Parser, hookimpl
from lethe_qwen.parser import QwenParser

__all__ = ["QwenParser", "lethe_parsers"]

__version__ = "0.1.0"


@hookimpl
def lethe_parsers() -> list[Parser]:
    """Provide the parser for Qwen Code."""
    return [QwenParser()]
