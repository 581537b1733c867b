"""The parser for the transcripts of the Cursor agent, files of JSON lines.

Lines have no ids, and the last one, which tells how a turn ended, is taken away when the next one
begins: the file is then another generation of itself. A turn is named by what was said and by its
place among the messages, so that it is the same turn in each generation.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from lethe_core import JsonlParser, Line, Role, SessionMeta, ToolCall, TurnEvent
from lethe_core.beside import decode_beside
from lethe_core.mapping import call_line, clean_session_id, skip_word, text, unknown_block
from lethe_cursor.prompts import take_apart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Event, Source

_TRANSCRIPTS: Final = "agent-transcripts"
_SUBAGENTS: Final = "subagents"
_REDACTED: Final = "[REDACTED]"
_MAX_TITLE: Final = 120


class Record(msgspec.Struct):
    """One line: a message, or the end of a turn."""

    role: Any = None
    message: Any = None
    type: Any = None
    status: Any = None
    error: Any = None


class CursorParser(JsonlParser):
    """Reads the transcripts of the Cursor agent."""

    tool: ClassVar[str] = "cursor"
    label: ClassVar[str] = "Cursor"
    version: ClassVar[int] = 2
    record_type = Record

    def default_roots(self) -> Iterable[Path]:
        """Name ``~/.cursor/projects``."""
        return [Path.home() / ".cursor" / "projects"]

    def accepts(self, path: Path) -> bool:
        """Take what lies in ``agent-transcripts``, in a folder of its own, or below that one."""
        return any(parent.name == _TRANSCRIPTS for parent in path.parents[:3])

    def session_id(self, source: Source) -> str:
        """Name a session by its file, a subagent's with its parent before it."""
        parent = _parent(source.path)
        own = source.path.name.removesuffix(self.suffix)
        return clean_session_id(f"{parent}.{own}" if parent else own)

    def open_context(self, source: Source) -> SessionMeta:
        """Find out what the file's place tells of the session."""
        parent = _parent(source.path)
        return SessionMeta(
            source_file=str(source.path),
            working_dir=_working_directory(source.path),
            parent_session_id=clean_session_id(parent) if parent else None,
            relation="subagent" if parent else None,
        )

    def map_record(self, record: Record, line: Line) -> Iterable[Event] | str:
        """Map one line."""
        turns = _Turns(record, line)
        match record.role:
            case "user":
                turns.user()
            case "assistant":
                turns.reply()
            case _ if record.type == "turn_ended":
                turns.end()
            case _:
                return skip_word("record", record.type)
        return turns.made or "no content"

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a session; a subagent's cannot be resumed by itself."""
        del working_dir
        return None if "." in session_id else f"cursor-agent --resume {session_id}"


class _Turns:
    """Makes the turns of one line.

    Args:
        record: the line.
        line: where it stands; its state counts the messages.
    """

    def __init__(self, record: Record, line: Line) -> None:
        self.made: list[TurnEvent] = []
        self._record = record
        self._line = line
        number = line.state.get("messages", 0)
        if record.role:
            line.state["messages"] = number + 1
        self._key = hashlib.blake2b(line.raw, digest_size=12, salt=b"%d" % number).hexdigest()

    def add(self, kind: str, role: Role, **fields: Any) -> TurnEvent:
        """Add a turn."""
        index = len(self.made)
        turn = self._line.turn(
            turn_id=f"{self._key}.{index}" if index else self._key,
            index=index,
            role=role,
            metadata={"kind": kind},
            session_meta=self._line.context,
            **fields,
        )
        self.made.append(turn)
        return turn

    def user(self) -> None:
        """Map a prompt, and what Cursor sent around it."""
        said = "\n".join(text(block.get("text")) for block in self._blocks())
        prompt = take_apart(said)
        if prompt.around:
            self.add("context", "system", content=prompt.around, timestamp=prompt.timestamp)
        if prompt.typed:
            turn = self.add("prompt", "user", content=prompt.typed, timestamp=prompt.timestamp)
            title = prompt.typed.splitlines()[0].strip()
            if len(title) > _MAX_TITLE:
                title = f"{title[: _MAX_TITLE - 1]}…"
            turn.session_meta = msgspec.structs.replace(
                self._line.context, title=title, title_source="prompt"
            )
        for block in self._blocks():
            if not isinstance(block.get("text"), str):
                self.add("unknown_block", "user").metadata |= unknown_block(block)

    def reply(self) -> None:
        """Map what the model said and called."""
        for block in self._blocks():
            match block.get("type"):
                case "text":
                    words = text(block.get("text"))
                    if words.strip() not in ("", _REDACTED):
                        self.add("answer", "assistant", content=words)
                case "tool_use":
                    name, arguments = text(block.get("name")), block.get("input")
                    call = ToolCall(id=text(block.get("id")), name=name, input=arguments)
                    line = call_line(name, arguments)
                    self.add("tool_call", "assistant", content=line, tool_calls=[call])
                case _:
                    self.add("unknown_block", "assistant").metadata |= unknown_block(block)

    def end(self) -> None:
        """Map the end of a turn, if it was no good one."""
        reason = text(self._record.error)
        match self._record.status:
            case "aborted":
                self.add("interrupt", "system", content=reason)
            case "error":
                self.add("api_error", "system", content=reason)

    def _blocks(self) -> list[dict[str, Any]]:
        message = self._record.message
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            return [{"type": "text", "text": content}]
        if not isinstance(content, list):
            return []
        return [block for block in content if isinstance(block, dict)]


def _parent(path: Path) -> str | None:
    """Name the session that a subagent belongs to."""
    return path.parent.parent.name if path.parent.name == _SUBAGENTS else None


def _working_directory(path: Path) -> str | None:
    """Read the directory of a project, which Cursor notes when a person trusts it."""
    project = next((one.parent for one in path.parents if one.name == _TRANSCRIPTS), None)
    if project is None:
        return None
    trusted = decode_beside(project / ".workspace-trusted", dict[str, Any]) or {}
    return text(trusted.get("workspacePath")) or None
