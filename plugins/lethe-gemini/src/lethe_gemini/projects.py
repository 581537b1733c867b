"""Which directory a chat was held in: Gemini CLI keeps chats by project and names it elsewhere.

``<gemini>/tmp/<project>/chats``: ``<project>`` is a word (then ``.project_root`` beside ``chats``
and ``<gemini>/projects.json`` name the directory) or, before 0.40, the SHA-256 of the directory.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_core.beside import decode_beside, read_beside

if TYPE_CHECKING:
    from pathlib import Path

_CHATS: Final = "chats"


class _Registry(msgspec.Struct):
    """``projects.json``: the words that stand for directories."""

    projects: dict[str, Any]


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
    root = read_beside(project / ".project_root").decode("utf-8", "replace").strip()
    if root:
        return root
    registry = decode_beside(project.parent.parent / "projects.json", _Registry)
    for directory, name in registry.projects.items() if registry else ():
        if project.name in (name, hashlib.sha256(directory.encode()).hexdigest()):
            return directory
    return None
