"""The contract of the wire, field by field, as marshmallow schemas.

Documentation and JSON Schema are made from these schemas, and they word the errors. The hot path
in `lethe_core.wire` decodes without them and accepts exactly the same lines. See docs/wire.md.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any

import marshmallow
import msgspec
from marshmallow import EXCLUDE, Schema, fields, validate

from lethe_core.errors import InvalidEvent
from lethe_core.events import RELATIONS, ROLES, TITLE_SOURCES
from lethe_core.limits import (
    KEY_PATTERN,
    MAX_INTEGER,
    MAX_SEQ,
    MAX_TIMESTAMP,
    NAME_PATTERN,
    SESSION_ID_PATTERN,
)

_SURROGATE = re.compile("[\ud800-\udfff]")


class _Text(fields.String):
    """Text that can be stored: no lone surrogates."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if isinstance(text, str) and _SURROGATE.search(text):
            raise marshmallow.ValidationError("Holds a lone surrogate, which is no character.")
        return text


class _Number(fields.Float):
    """A finite JSON number; neither a string nor a boolean is one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid", input=value)
        try:
            finite = math.isfinite(value)
        except OverflowError:
            finite = False
        if not finite:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class _Integer(fields.Integer):
    """A JSON number without a fraction."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class _Boolean(fields.Boolean):
    """``true`` or ``false``; nothing that merely looks like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


def _name(description: str, *, pattern: str, required: bool, **kwargs: Any) -> _Text:
    return _Text(
        required=required,
        validate=validate.Regexp(pattern),
        metadata={"description": description},
        **kwargs,
    )


def _count(description: str, top: int = MAX_INTEGER, **kwargs: Any) -> _Integer:
    return _Integer(
        validate=validate.Range(0, top), metadata={"description": description}, **kwargs
    )


def _text(description: str, **kwargs: Any) -> _Text:
    return _Text(metadata={"description": description}, **kwargs)


def _time() -> _Number:
    return _Number(
        allow_none=True,
        load_default=None,
        validate=validate.Range(0, MAX_TIMESTAMP),
        metadata={"description": "Unix seconds, fractions allowed; null where the tool has none."},
    )


class UsageSchema(Schema):
    """Tokens of one reply of a model's API; counted once per `key`."""

    class Meta:
        unknown = EXCLUDE

    key = _name("Identity of the API reply.", pattern=KEY_PATTERN, required=True)
    input = _count("Prompt tokens, neither read from nor written to a cache.", load_default=0)
    output = _count("Answer tokens, thinking included.", load_default=0)
    cache_read = _count("Prompt tokens read from a cache.", load_default=0)
    cache_write = _count("Prompt tokens written to a cache.", load_default=0)
    reasoning = _count("Answer tokens spent on thinking.", load_default=0)


class ToolCallSchema(Schema):
    """A call of a tool, its result, or both."""

    class Meta:
        unknown = EXCLUDE

    id = _text("Joins a call with its result.", load_default="")
    name = _text("The tool's name; may be empty in a result.", load_default="")
    input = fields.Raw(
        allow_none=True, load_default=None, metadata={"description": "Arguments, any JSON."}
    )
    output = _text("The answer as text; null while there is none.", allow_none=True)
    is_error = _Boolean(load_default=False, metadata={"description": "The tool says it failed."})
    truncated_bytes = _count("Bytes cut off the end of `output`.", load_default=0)
    sha256 = _text("Digest of the whole output, if it was cut.", load_default="")


class SessionMetaSchema(Schema):
    """What an event says of its session."""

    class Meta:
        unknown = EXCLUDE

    source_file = _text("Where the transcript lies on its host.", allow_none=True)
    working_dir = _text("Where the assistant worked.", allow_none=True)
    git_branch = _text("The branch that was checked out.", allow_none=True)
    title = _text("The session's title.", allow_none=True)
    title_source = _Text(
        allow_none=True,
        validate=validate.OneOf(TITLE_SOURCES),
        metadata={"description": "Where the title comes from; the strongest wins."},
    )
    parent_session_id = _name(
        "The session that this one came from.",
        pattern=SESSION_ID_PATTERN,
        required=False,
        allow_none=True,
    )
    relation = _Text(
        allow_none=True,
        validate=validate.OneOf(RELATIONS),
        metadata={"description": "How it came from its parent."},
    )
    metadata = fields.Dict(load_default=dict, metadata={"description": "What has no field."})


class _EventSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    tool = _name("The tool that wrote the session.", pattern=NAME_PATTERN, required=True)
    host = _name("The machine it was written on.", pattern=NAME_PATTERN, required=True)
    session_id = _name(
        "The session, unique within owner, tool and host.",
        pattern=SESSION_ID_PATTERN,
        required=True,
    )
    seq = _count("Orders the turns of a session.", MAX_SEQ, required=True)
    timestamp = _time()
    parser_version = _count("Version of the mapping.", MAX_SEQ, load_default=1)
    owner = fields.Raw(metadata={"description": "Refused: the server sets it."})

    @marshmallow.validates("owner")
    def refuse_owner(self, value: Any, data_key: str) -> None:
        """Refuse an owner on the wire (A3)."""
        del value, data_key
        raise marshmallow.ValidationError("Must not be sent: the server sets it.")


class TurnSchema(_EventSchema):
    """One message, tool call or tool result."""

    turn_id = _name("The turn, unique within its session.", pattern=KEY_PATTERN, required=True)
    role = _Text(
        required=True,
        validate=validate.OneOf(ROLES),
        metadata={"description": "Who speaks."},
    )
    content = _text("The text.", load_default="")
    model = _text("The model that answered.", allow_none=True)
    tokens_in = _count("Prompt tokens, if there is no `usage`.", allow_none=True)
    tokens_out = _count("Answer tokens, if there is no `usage`.", allow_none=True)
    cost_usd = _Number(
        allow_none=True,
        validate=validate.Range(0),
        metadata={"description": "The price, only where the tool reports it."},
    )
    tool_calls = fields.List(
        fields.Nested(ToolCallSchema),
        load_default=list,
        metadata={"description": "Calls and results of tools."},
    )
    metadata = fields.Dict(load_default=dict, metadata={"description": "What has no field."})
    session_meta = fields.Nested(
        SessionMetaSchema,
        allow_none=True,
        metadata={"description": "What the turn says of its session."},
    )
    usage = fields.Nested(
        UsageSchema,
        allow_none=True,
        metadata={"description": "Tokens of the API reply that the turn belongs to."},
    )
    revision = _count("Of a turn that its tool rewrites.", MAX_SEQ, load_default=0)
    kind = _Text(
        load_default="turn",
        validate=validate.Equal("turn"),
        metadata={"description": "Which of the two events it is."},
    )


class SessionSchema(_EventSchema):
    """What became known of a session without a turn; has ``"kind": "session"``."""

    kind = _Text(
        required=True,
        validate=validate.Equal("session"),
        metadata={"description": "Which of the two events it is."},
    )
    session_meta = fields.Nested(
        SessionMetaSchema, required=True, metadata={"description": "What became known."}
    )


@functools.cache
def _schemas() -> tuple[Schema, Schema]:
    """Build the schemas once: it takes longer than a hundred checks."""
    return TurnSchema(), SessionSchema()


def explain(line: bytes) -> InvalidEvent:
    """Say precisely why a line breaks the contract, in the words of the schema.

    Args:
        line: a line that `decode_line` refuses.
    """
    try:
        value = msgspec.json.decode(line)
    except RecursionError:
        return InvalidEvent("the line is nested too deeply")
    except UnicodeDecodeError as error:
        return InvalidEvent(f"the line is no UTF-8 at byte {error.start}")
    except msgspec.MsgspecError as error:
        return InvalidEvent(f"the line is no JSON: {error}")
    if not isinstance(value, dict):
        return InvalidEvent("the line must be a JSON object")
    turn, session = _schemas()
    schema = session if value.get("kind") == "session" else turn
    problems = schema.validate(value)
    for field, message in _flatten(problems):
        return InvalidEvent(message, field=field)
    return InvalidEvent("the line holds a value that cannot be read")


def _flatten(problems: Any, path: str = "") -> list[tuple[str, str]]:
    """Turn the nested messages of marshmallow into pairs of field path and sentence."""
    if isinstance(problems, dict):
        return [
            pair
            for key, value in sorted(problems.items(), key=lambda item: str(item[0]))
            for pair in _flatten(value, f"{path}.{key}" if path else str(key))
        ]
    return [(path, str(message)) for message in problems]
