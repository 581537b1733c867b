"""What is answered of sessions and turns; docs/api.md describes each field.

The JSON of `tool_calls` and `metadata` is put into the answer as it was stored, without being
decoded (measured: four times cheaper).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw

from lethe_core.removals import Removals
from lethe_server.storage import SessionRow, TurnRow
from lethe_server.storage.records import NANO

#: JSON that is put into the answer as it is.
RawObject = Annotated[Raw, Meta(extra_json_schema={"type": "object"})]
RawList = Annotated[Raw, Meta(extra_json_schema={"type": "array", "items": {"type": "object"}})]


class SessionAnswer(msgspec.Struct):
    """A session with its figures."""

    tool: str
    host: str
    session_id: str
    title: str | None
    preview: str | None
    started_at: float | None
    last_activity: float | None
    turns: int
    prompts: int
    user_turns: int
    assistant_turns: int
    tool_turns: int
    system_turns: int
    tool_calls: int
    unmapped: int
    tokens_in: int
    tokens_out: int
    cache_read: int
    cache_write: int
    reasoning: int
    cost_usd: float | None
    models: list[str]
    working_dir: str | None
    git_branch: str | None
    parent_session_id: str | None
    relation: str | None
    source_file: str | None
    metadata: RawObject
    owner: str | msgspec.UnsetType = msgspec.UNSET


class UsageAnswer(msgspec.Struct):
    """Tokens of an API reply, the greatest numbers that any copy of it told."""

    key: str
    input: int
    output: int
    cache_read: int
    cache_write: int
    reasoning: int


class TurnAnswer(msgspec.Struct):
    """A turn."""

    turn_id: str
    seq: int
    role: str
    timestamp: float | None
    content: str
    model: str | None
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    usage: UsageAnswer | None
    tool_calls: RawList
    metadata: RawObject
    revision: int
    removed: str | None


# Columns that are answered as they are stored stand there in the order in which they do here.
_FIRST: Final = slice(SessionRow._fields.index("tool"), SessionRow._fields.index("cost_nano"))
_THEN: Final = slice(SessionRow._fields.index("working_dir"), SessionRow._fields.index("metadata"))


def answer_session(row: SessionRow, owner: str | None = None) -> SessionAnswer:
    """Make the answer for a session.

    Args:
        row: as it is stored.
        owner: whose it is; told to an admin who asks for those of all.
    """
    columns: tuple[Any, ...] = row
    metadata = Raw(row.metadata or b"{}")
    values = (*columns[_FIRST], row.cost_usd, row.models, *columns[_THEN], metadata)
    answer = SessionAnswer(*values)
    answer.title = row.shown_title
    if owner is not None:
        answer.owner = owner
    return answer


class TurnAnswers:
    """Makes the answers for the turns of one session in their order.

    Tokens that several turns share, because they came in one API reply, stand on the first of
    these turns alone, so that sums over turns are right. `usage` stands on all of them.

    Args:
        session: whose turns they are.
        whole: whether they begin with its first one. Else rows must tell their `first_seq`.
    """

    def __init__(self, session: SessionRow, *, whole: bool) -> None:
        self._removals = Removals.of_json(session.metadata)
        self._whole = whole
        self._told: set[str] = set()

    def answer(self, row: TurnRow) -> TurnAnswer:
        """Make the answer for a turn; by position, since this is done for each that is read.

        Args:
            row: that follows the one before.
        """
        columns: Any = row
        turn_id, seq, role, timestamp, model, revision, *numbers, content, calls, metadata = columns
        own_in, own_out, own_cost, key, *shared, shared_cost, first_seq = numbers
        usage = tokens_in = tokens_out = cost = None
        if key is None:
            tokens_in, tokens_out, cost = own_in or None, own_out or None, own_cost / NANO or None
        else:
            usage = UsageAnswer(key, *shared)
            if key not in self._told:
                self._told.add(key)
                if self._whole or seq == first_seq:
                    tokens_in, tokens_out, cost = shared[0], shared[1], shared_cost / NANO or None
        return TurnAnswer(
            turn_id,
            seq,
            role,
            timestamp,
            content,
            model,
            tokens_in,
            tokens_out,
            cost,
            usage,
            Raw(calls),
            Raw(metadata),
            revision,
            self._removals.why(seq),
        )
