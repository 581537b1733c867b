"""Which directory a chat was held in: Gemini CLI keeps chats by project and names it elsewhere.

``<gemini>/tmp/<project>/chats``: ``<project>`` is a word (then ``.project_root`` beside ``chats``
and ``<gemini>/projects.json`` name the directory) or, before 0.40, the SHA-256 of the directory.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_core.sources import open_source

if TYPE_CHECKING:
    from pathlib import Path

_CHATS: Final = "chats"
_MOST_BYTES: Final = 1024 * 1024


def chats_directory(path: Path) -> Path | None:
    """Return the ``chats`` directory that a chat lies in, or one level below of it."""
    for parent in path.parents[:2]:
        if parent.name == _CHATS:
            return parent
    return None


def working_directory(path: Path) -> str | None:
    """Name the directory that a chat was held in, if Gemini CLI noted it.

    Args:
        path: the chat.
    """
    chats = chats_directory(path)
    if chats is None:
        return None
    project = chats.parent
    root = _small_file(project / ".project_root").decode("utf-8", "replace").strip()
    if root:
        return root
    try:
        registry: Any = msgspec.json.decode(_small_file(project.parent.parent / "projects.json"))
        known = registry["projects"].items()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    for directory, name in known:
        if project.name in (name, hashlib.sha256(directory.encode()).hexdigest()):
            return str(directory)
    return None


def _small_file(path: Path) -> bytes:
    """Read a file beside the chats; nothing if it is not there."""
    try:
        with os.fdopen(open_source(path), "rb") as file:
            return file.read(_MOST_BYTES)
    except OSError:
        return b""
