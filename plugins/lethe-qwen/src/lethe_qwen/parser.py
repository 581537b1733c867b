"""The parser for Qwen Code: chats in JSON lines that are appended to.

Roots: ``projects`` below ``$QWEN_RUNTIME_DIR``, ``$QWEN_HOME`` or ``~/.qwen``. In it are
``<project>/chats/<session>.jsonl`` and ``<project>/subagents/<session>/agent-<id>.jsonl``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from lethe_core import JsonlParser
from lethe_core.mapping import skip_word
from lethe_qwen.records import Record
from lethe_qwen.session import known_before, session_name
from lethe_qwen.system import map_system
from lethe_qwen.turns import map_reply, map_results, map_user

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Event, Line, SessionMeta, Source

_DIRECTORIES: Final = ("chats", "subagents")


class QwenParser(JsonlParser):
    """Reads the chats of Qwen Code."""

    tool: ClassVar[str] = "qwen"
    label: ClassVar[str] = "Qwen Code"
    version: ClassVar[int] = 2
    record_type = Record

    def default_roots(self) -> Iterable[Path]:
        """Name the place of the projects."""
        base = os.environ.get("QWEN_RUNTIME_DIR") or os.environ.get("QWEN_HOME")
        home = Path(base).expanduser() if base else Path.home() / ".qwen"
        return [home.absolute() / "projects"]

    def accepts(self, path: Path) -> bool:
        """Take what lies in ``chats``, or one level below ``subagents``."""
        return path.parent.name == _DIRECTORIES[0] or path.parent.parent.name == _DIRECTORIES[1]

    def session_id(self, source: Source) -> str:
        """Name the session by its file."""
        return session_name(source.path)

    def open_context(self, source: Source) -> SessionMeta:
        """Find out what is known of the session before its first line."""
        return known_before(source)

    def map_record(self, record: Record, line: Line) -> Iterable[Event] | str:
        """Map one line."""
        match record.type:
            case "user":
                return map_user(record, line)
            case "assistant":
                return map_reply(record, line)
            case "tool_result":
                return map_results(record, line)
            case "system":
                return map_system(record, line)
        return skip_word("record", record.type)

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a session; a subagent's cannot be resumed by itself."""
        del working_dir
        return None if ".agent-" in session_id else f"qwen --resume {session_id}"
