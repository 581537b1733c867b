"""Export: the form of a file, and what its forms for people share."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from lethe_core.decoding import DECODING_ERRORS

if TYPE_CHECKING:
    from lethe_server.storage import SessionRow, TurnRow

#: What a kind of turn is called; others are called by their role.
_KINDS: Final = {
    "command": "Command",
    "shell": "Shell",
    "shell_output": "Shell output",
    "command_output": "Command output",
    "thinking": "Thinking",
    "tool_call": "Tool call",
    "tool_result": "Tool result",
    "compact_summary": "Summary",
    "unmapped": "Not mapped",
}
_ROLES: Final = {"user": "User", "assistant": "Assistant", "tool": "Tool", "system": "System"}


class Export(ABC):
    """Writes one session: the head, each turn in order, the tail.

    Args:
        session: that is exported.
    """

    content_type: ClassVar[str]

    def __init__(self, session: SessionRow) -> None:
        self.session = session

    @abstractmethod
    def head(self) -> bytes:
        """Return what stands before the turns."""

    @abstractmethod
    def turn(self, row: TurnRow) -> bytes:
        """Return a turn."""

    @abstractmethod
    def tail(self) -> bytes:
        """Return what stands behind the turns."""


class ShownCall(msgspec.Struct):
    """A call of a tool, as it is shown."""

    name: str = ""
    input: object = None
    output: str | None = None
    is_error: bool = False

    @property
    def arguments(self) -> str | None:
        """The arguments as indented JSON; `None` if there are none."""
        if self.input is None:
            return None
        return msgspec.json.format(msgspec.json.encode(self.input), indent=2).decode()


class _Attachment(msgspec.Struct):
    type: str = ""
    media_type: str = ""
    bytes: int = 0


class _Metadata(msgspec.Struct):
    kind: str | None = None
    attachments: list[_Attachment] = []


_decode_calls = msgspec.json.Decoder(list[ShownCall]).decode
_decode_metadata = msgspec.json.Decoder(_Metadata).decode


class ShownTurn:
    """A turn, as people see it.

    Args:
        row: as it is stored.

    Attributes:
        heading: who speaks, or what it is.
        time: in UTC; empty if the turn has none.
        is_answer: whether it is what an assistant said, in Markdown.
        calls: of tools, and their results.
        notes: what else there was.
    """

    def __init__(self, row: TurnRow) -> None:
        metadata = _Metadata()
        self.notes: list[str] = []
        try:
            metadata = _decode_metadata(row.metadata)
        except DECODING_ERRORS:  # whatever a parser put there
            self.notes.append("[its metadata has a form of its own]")
        self.calls: list[ShownCall] = []
        try:
            self.calls = _decode_calls(row.tool_calls)
        except DECODING_ERRORS:
            self.notes.append("[its calls cannot be shown]")
        self.notes += [
            " ".join(f"[{each.type or 'attachment'} {each.media_type}, {each.bytes} bytes]".split())
            for each in metadata.attachments
        ]
        self.content = row.content
        self.model = row.model
        self.role = row.role
        self.heading = _KINDS.get(metadata.kind or "", _ROLES[row.role])
        self.time = show_time(row.timestamp)
        self.is_answer = row.role == "assistant" and metadata.kind in (None, "answer")


def show_time(timestamp: float | None) -> str:
    """Return a time for people, in UTC; empty if there is none.

    Args:
        timestamp: Unix seconds.
    """
    if timestamp is None:
        return ""
    return dt.datetime.fromtimestamp(timestamp, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def facts_of(session: SessionRow) -> list[tuple[str, str]]:
    """Return what is told of a session: labels and values.

    Args:
        session: any.
    """
    told = {
        "Tool": session.tool,
        "Host": session.host,
        "Session": session.session_id,
        "Directory": session.working_dir,
        "Branch": session.git_branch,
        "Relation": session.relation,
        "Parent": session.parent_session_id,
        "Started": show_time(session.started_at),
        "Last activity": show_time(session.last_activity),
        "Turns": str(session.turns),
        "Tokens in, out": f"{session.tokens_in}, {session.tokens_out}",
    }
    return [(label, value) for label, value in told.items() if value]
