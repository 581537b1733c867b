"""The parser: which files it reads, and which mapper takes which type of record."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, ClassVar, Final

from lethe_claude_code import places
from lethe_claude_code.assistant import map_assistant
from lethe_claude_code.queue import map_queue
from lethe_claude_code.records import Entry, decode_entry
from lethe_claude_code.session import Transcript
from lethe_claude_code.statements import STATEMENTS, map_statement
from lethe_claude_code.system import map_attachment, map_system
from lethe_claude_code.user import map_user
from lethe_core import JsonlParser
from lethe_core.mapping import skip_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from lethe_core import Event, Line, Source

_MAPPERS: Final[dict[str, Callable[[Entry, Line], Sequence[Event] | str]]] = {
    "assistant": map_assistant,
    "attachment": map_attachment,
    "queue-operation": map_queue,
    "summary": map_statement,
    "system": map_system,
    "user": map_user,
    **dict.fromkeys(STATEMENTS, map_statement),
}


class ClaudeCodeParser(JsonlParser):
    """Reads the transcripts of Claude Code, of all versions that wrote JSON lines."""

    tool: ClassVar[str] = "claude-code"
    label: ClassVar[str] = "Claude Code"
    version: ClassVar[int] = 3
    record_type: ClassVar[type[Entry]] = Entry

    def __init__(self) -> None:
        super().__init__()
        self._decode = decode_entry

    def default_roots(self) -> Iterable[Path]:
        """Name the places where Claude Code keeps its transcripts on this machine."""
        return places.default_roots()

    def discover(self, root: Path) -> Iterable[Source]:
        """Find the transcripts below a root; files of Claude Code that are none are left out."""
        for source in super().discover(root):
            if source.path == root or places.is_transcript(source.path, root):
                yield source

    def session_id(self, source: Source) -> str:
        """Name the session of a file."""
        return places.session_id(source)

    def open_context(self, source: Source) -> Transcript:
        """Look at the file's name and at what stands beside it."""
        return Transcript(source, self.session_id(source))

    def map_record(self, record: Entry, line: Line) -> Sequence[Event] | str:
        """Map a record by its type; what is neither conversation nor statement is no turn."""
        mapper = _MAPPERS.get(record.type)
        if mapper:
            return mapper(record, line)
        if not record.type:
            raise KeyError("type")
        return skip_word("record", record.type)

    def deletes_after(self, root: Path) -> float:
        """Tell after how many seconds Claude Code deletes transcripts that have not changed."""
        return places.deletes_after(root)

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a session; a subagent's cannot be resumed."""
        if not places.is_session_uuid(session_id):
            return None
        resume = f"claude --resume {session_id}"
        return f"cd {shlex.quote(working_dir)} && {resume}" if working_dir else resume
