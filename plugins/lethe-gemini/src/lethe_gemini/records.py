"""What Gemini CLI writes: the fields that are mapped, of any type until they are looked at.

A line of a ``.jsonl`` chat and an element of a ``.json`` chat's ``messages`` have the same form.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Update(msgspec.Struct):
    """What ``$set`` changes of the conversation."""

    messages: Any = None
    summary: Any = None
    directories: Any = None


class Record(msgspec.Struct, rename="camel"):
    """A message, the metadata of the conversation, or a change of it."""

    id: Any = None
    timestamp: Any = None
    type: Any = None
    content: Any = None
    display_content: Any = None
    thoughts: Any = None
    tokens: Any = None
    model: Any = None
    tool_calls: Any = None
    session_id: Any = None
    start_time: Any = None
    kind: Any = None
    directories: Any = None
    summary: Any = None
    update: Update | None = msgspec.field(default=None, name="$set")
    rewind_to: Any = msgspec.field(default=None, name="$rewindTo")


class Document(msgspec.Struct, rename="camel"):
    """A whole ``.json`` chat."""

    messages: list[msgspec.Raw]
    session_id: Any = None
    kind: Any = None
    directories: Any = None
    summary: Any = None
