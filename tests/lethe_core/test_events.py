"""The event types: what they hold and how short they are on the wire."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from lethe_core import events
from lethe_core.events import SessionEvent, SessionMeta, ToolCall, TurnEvent, Usage
from lethe_core.schema import (
    SessionMetaSchema,
    SessionSchema,
    ToolCallSchema,
    TurnSchema,
    UsageSchema,
)
from lethe_core.wire import (
    IncomingMeta,
    IncomingSession,
    IncomingToolCall,
    IncomingTurn,
    IncomingUsage,
)

PAIRS = [
    (Usage, UsageSchema, IncomingUsage),
    (ToolCall, ToolCallSchema, IncomingToolCall),
    (SessionMeta, SessionMetaSchema, IncomingMeta),
    (TurnEvent, TurnSchema, IncomingTurn),
    (SessionEvent, SessionSchema, IncomingSession),
]


@pytest.mark.parametrize("triple", PAIRS, ids=lambda triple: triple[0].__name__)
def test_three_definitions_have_the_same_fields(triple):
    """What a parser fills, what the contract lists and what the server decodes are one."""
    event, schema, incoming = triple
    listed = set(schema().fields) - {"owner", "kind"}

    assert set(event.__struct_fields__) == listed
    assert set(incoming.__struct_fields__) - {"kind"} == listed


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (events.ROLES, events.Role),
        (events.RELATIONS, events.Relation),
        (events.TITLE_SOURCES, events.TitleSource),
    ],
)
def test_words_and_types_agree(words, kind):
    """The words that the contract allows are those that the types allow."""
    assert tuple(words) == get_args(kind)


def test_empty_fields_take_no_room():
    """What is not set is not written."""
    turn = TurnEvent(tool="t", session_id="s", turn_id="i", seq=0, role="user")

    assert msgspec.json.decode(msgspec.json.encode(turn)) == {
        "tool": "t",
        "session_id": "s",
        "turn_id": "i",
        "seq": 0,
        "role": "user",
    }


def test_defaults_are_not_shared():
    """Two turns never share a list or a mapping."""
    one, two = (
        TurnEvent(tool="t", session_id="s", turn_id="i", seq=0, role="user") for _ in range(2)
    )
    one.metadata["kind"] = "prompt"
    one.tool_calls.append(ToolCall())

    assert (two.metadata, two.tool_calls) == ({}, [])
