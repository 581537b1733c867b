"""Exports for programs.

``json`` is the answer of the session with all of its turns. ``jsonl`` is the wire: a line for the
session and one for each turn, in the form in which collectors send them, so that an export can be
sent to an archive again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import Raw

from lethe_core.wire import CONTENT_TYPE
from lethe_server.exports.form import Export
from lethe_server.sessions.answers import TurnAnswers, UsageAnswer, answer_session

if TYPE_CHECKING:
    from lethe_server.storage import SessionRow, TurnRow

_encode = msgspec.json.Encoder().encode


class JsonExport(Export):
    """One object: `session`, and all of its `turns`."""

    content_type: ClassVar[str] = "application/json"

    def __init__(self, session: SessionRow) -> None:
        super().__init__(session)
        self._answers = TurnAnswers(session, whole=True)
        self._separator = b""

    def head(self) -> bytes:
        """Return the session and the beginning of the list."""
        return b'{"session":' + _encode(answer_session(self.session)) + b',"turns":['

    def turn(self, row: TurnRow) -> bytes:
        """Return a turn, with a comma before it unless it is the first."""
        separator, self._separator = self._separator, b","
        return separator + _encode(self._answers.answer(row))

    def tail(self) -> bytes:
        """Return the end of the list."""
        return b"]}\n"


class _Meta(msgspec.Struct, omit_defaults=True):
    title: str | None = None
    working_dir: str | None = None
    git_branch: str | None = None
    source_file: str | None = None
    parent_session_id: str | None = None
    relation: str | None = None
    metadata: Raw = Raw(b"{}")


class _SessionLine(msgspec.Struct):
    kind: str
    tool: str
    host: str
    session_id: str
    seq: int
    session_meta: _Meta


class _TurnLine(msgspec.Struct, omit_defaults=True):
    tool: str
    host: str
    session_id: str
    turn_id: str
    seq: int
    role: str
    timestamp: float | None
    content: str
    model: str | None = None
    usage: UsageAnswer | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    tool_calls: Raw = Raw(b"[]")
    metadata: Raw = Raw(b"{}")
    revision: int = 0


class JsonlExport(Export):
    """Lines of the wire."""

    content_type: ClassVar[str] = CONTENT_TYPE

    def head(self) -> bytes:
        """Return the line of the session."""
        session = self.session
        meta = _Meta(
            title=session.title,
            working_dir=session.working_dir,
            git_branch=session.git_branch,
            source_file=session.source_file,
            parent_session_id=session.parent_session_id,
            relation=session.relation,
            metadata=Raw(session.metadata or b"{}"),
        )
        line = _SessionLine("session", session.tool, session.host, session.session_id, 0, meta)
        return _encode(line) + b"\n"

    def turn(self, row: TurnRow) -> bytes:
        """Return the line of a turn."""
        tokens = row.tokens
        keyed = row.usage_key is not None
        line = _TurnLine(
            tool=self.session.tool,
            host=self.session.host,
            session_id=self.session.session_id,
            turn_id=row.turn_id,
            seq=row.seq,
            role=row.role,
            timestamp=row.timestamp,
            content=row.content,
            model=row.model,
            usage=UsageAnswer(row.usage_key, *tokens[:-1]) if row.usage_key is not None else None,
            tokens_in=None if keyed else tokens.input or None,
            tokens_out=None if keyed else tokens.output or None,
            cost_usd=tokens.cost_usd,
            tool_calls=Raw(row.tool_calls),
            metadata=Raw(row.metadata),
            revision=row.revision,
        )
        return _encode(line) + b"\n"

    def tail(self) -> bytes:
        """Return nothing."""
        return b""
