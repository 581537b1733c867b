r"""The wire: NDJSON, one event a line, and the contract of every field.

The marshmallow schemas below are the contract: documentation and JSON Schema are made from them,
and they word the errors. The hot path decodes with msgspec into `IncomingTurn` and
`IncomingSession`, which accept exactly the same lines (tests/lethe_core/test_wire.py proves it
with generated lines) at a twentieth of the cost. Unknown fields are ignored and counted, so that
an old server takes what a newer collector sends; ``owner`` alone is refused: the server sets it
from the sign-in.

Format of a request's body: UTF-8, lines end in ``\n``, the last one may lack it; an empty line
is nothing. See docs/wire.md.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import Annotated, Any, Final, Literal, NamedTuple

import marshmallow
import msgspec
from marshmallow import EXCLUDE, Schema, fields, validate
from msgspec import Meta, Raw

from lethe_core.errors import InvalidEvent, TooLarge
from lethe_core.events import Event, TitleSource, TurnEvent
from lethe_core.limits import (
    KEY_PATTERN,
    MAX_EVENT_BYTES,
    MAX_INTEGER,
    MAX_SEQ,
    MAX_TIMESTAMP,
    NAME_PATTERN,
    SESSION_ID_PATTERN,
)

WIRE_VERSION: Final = 1
WIRE_HEADER: Final = "Lethe-Wire"
CONTENT_TYPE: Final = "application/x-ndjson"

ROLES: Final = ("user", "assistant", "tool", "system")
RELATIONS: Final = ("subagent", "fork", "continuation")
TITLE_SOURCES: Final = ("custom", "generated", "summary", "prompt")

_SURROGATE = re.compile("[\ud800-\udfff]")


# The contract ------------------------------------------------------------------------------


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


class _Object(fields.Dict):
    """A JSON object."""


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
    metadata = _Object(load_default=dict, metadata={"description": "What has no field."})


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
    metadata = _Object(load_default=dict, metadata={"description": "What has no field."})
    session_meta = fields.Nested(SessionMetaSchema, allow_none=True)
    usage = fields.Nested(UsageSchema, allow_none=True)
    revision = _count("Of a turn that its tool rewrites.", MAX_SEQ, load_default=0)
    kind = _Text(load_default="turn", validate=validate.Equal("turn"))


class SessionSchema(_EventSchema):
    """What became known of a session without a turn; has ``"kind": "session"``."""

    kind = _Text(required=True, validate=validate.Equal("session"))
    session_meta = fields.Nested(SessionMetaSchema, required=True)


# The hot path ------------------------------------------------------------------------------

_Name = Annotated[str, Meta(pattern=NAME_PATTERN)]
_SessionId = Annotated[str, Meta(pattern=SESSION_ID_PATTERN)]
_Key = Annotated[str, Meta(pattern=KEY_PATTERN)]
_Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
_Place = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
_Time = Annotated[float, Meta(ge=0, le=MAX_TIMESTAMP)]
_Price = Annotated[float, Meta(ge=0)]
_ABSENT: Final = Raw(b"")


class IncomingUsage(msgspec.Struct, kw_only=True, gc=False):
    """`UsageSchema`, decoded."""

    key: _Key
    input: _Count = 0
    output: _Count = 0
    cache_read: _Count = 0
    cache_write: _Count = 0
    reasoning: _Count = 0


class IncomingToolCall(msgspec.Struct, kw_only=True, gc=False):
    """`ToolCallSchema`, decoded; `input` stays the JSON that came."""

    id: str = ""
    name: str = ""
    input: Raw = _ABSENT
    output: str | None = None
    is_error: bool = False
    truncated_bytes: _Count = 0
    sha256: str = ""


class IncomingMeta(msgspec.Struct, kw_only=True):
    """`SessionMetaSchema`, decoded."""

    source_file: str | None = None
    working_dir: str | None = None
    git_branch: str | None = None
    title: str | None = None
    title_source: TitleSource | None = None
    parent_session_id: _SessionId | None = None
    relation: Literal["subagent", "fork", "continuation"] | None = None
    metadata: dict[str, Any] = {}


class IncomingTurn(msgspec.Struct, kw_only=True):
    """`TurnSchema`, decoded; `tool_calls` and `metadata` stay the JSON that came."""

    tool: _Name
    host: _Name
    session_id: _SessionId
    turn_id: _Key
    seq: _Place
    role: Literal["user", "assistant", "tool", "system"]
    timestamp: _Time | None = None
    content: str = ""
    model: str | None = None
    tokens_in: _Count | None = None
    tokens_out: _Count | None = None
    cost_usd: _Price | None = None
    tool_calls: Raw = _ABSENT
    metadata: Raw = _ABSENT
    session_meta: IncomingMeta | None = None
    usage: IncomingUsage | None = None
    revision: _Place = 0
    parser_version: _Place = 1
    kind: Literal["turn"] = "turn"


class IncomingSession(msgspec.Struct, kw_only=True):
    """`SessionSchema`, decoded."""

    tool: _Name
    host: _Name
    session_id: _SessionId
    seq: _Place
    session_meta: IncomingMeta
    kind: Literal["session"]
    timestamp: _Time | None = None
    parser_version: _Place = 1


class _StrictTurn(IncomingTurn, forbid_unknown_fields=True):
    """A turn without unknown fields: nearly all of them."""


class _Head(msgspec.Struct):
    kind: str = "turn"


class DecodedLine(NamedTuple):
    """One line of a request.

    Args:
        event: what it says.
        calls: the decoded `tool_calls` of a turn.
        unknown_fields: how many fields of the event this version does not know.
    """

    event: IncomingTurn | IncomingSession
    calls: list[IncomingToolCall]
    unknown_fields: int = 0


_decode_strict = msgspec.json.Decoder(_StrictTurn).decode
_decode_turn = msgspec.json.Decoder(IncomingTurn).decode
_decode_session = msgspec.json.Decoder(IncomingSession).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_calls = msgspec.json.Decoder(list[IncomingToolCall]).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode

_UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def encode_event(event: Event) -> bytes:
    """Encode an event as one line of the wire, without the newline.

    What is too large for the wire is cut: the longest tool outputs first, then attachments, then
    the text. What was cut says so in `truncated_bytes` and `sha256`.

    Args:
        event: the event; it is changed if it has to be cut.

    Raises:
        InvalidEvent: it holds something that is no JSON, such as a lone surrogate.
        TooLarge: it does not fit into `MAX_EVENT_BYTES` even when cut.
    """
    try:
        line = _encode(event)
        if len(line) <= MAX_EVENT_BYTES:
            return line
        if isinstance(event, TurnEvent):
            _cut(event, len(line) - MAX_EVENT_BYTES)
            line = _encode(event)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise InvalidEvent(f"cannot be encoded: {type(error).__name__}") from error
    if len(line) > MAX_EVENT_BYTES:
        raise TooLarge(f"the event has {len(line)} bytes, {MAX_EVENT_BYTES} are allowed")
    return line


def decode_line(line: bytes) -> DecodedLine:
    """Decode and check one line of the wire.

    Args:
        line: without the newline.

    Raises:
        TooLarge: it has more than `MAX_EVENT_BYTES`.
        InvalidEvent: it breaks the contract; the error names the first field that does.
    """
    if len(line) > MAX_EVENT_BYTES:
        raise TooLarge(f"the line has {len(line)} bytes, {MAX_EVENT_BYTES} are allowed")
    try:
        if not line.isascii():
            line.decode()  # parts that stay encoded are checked by nobody else
        try:
            return _with_calls(_decode_strict(line))
        except msgspec.ValidationError:
            return _decode_unusual(line)
    except _UNDECODABLE as error:
        raise explain(line) from error


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
    schema = _SESSION_SCHEMA if value.get("kind") == "session" else _TURN_SCHEMA
    problems = schema.validate(value)
    for field, message in _flatten(problems):
        return InvalidEvent(message, field=field)
    return InvalidEvent("the line holds a value that cannot be read")


def _decode_unusual(line: bytes) -> DecodedLine:
    """Decode what is no plain turn: a session's event, or unknown fields."""
    kind = _decode_head(line).kind
    event: IncomingTurn | IncomingSession = (
        _decode_session(line) if kind == "session" else _decode_turn(line)
    )
    names = _decode_object(line).keys()
    if "owner" in names:
        raise msgspec.ValidationError("owner")
    unknown = len(names - set(event.__struct_fields__))
    if isinstance(event, IncomingSession):
        return DecodedLine(event, [], unknown)
    return _with_calls(event)._replace(unknown_fields=unknown)


def _with_calls(turn: IncomingTurn) -> DecodedLine:
    raw = bytes(turn.metadata)
    if raw and not raw.startswith(b"{"):
        raise msgspec.ValidationError("metadata")
    return DecodedLine(turn, _decode_calls(turn.tool_calls) if bytes(turn.tool_calls) else [])


def _flatten(problems: Any, path: str = "") -> list[tuple[str, str]]:
    """Turn the nested messages of marshmallow into pairs of field path and sentence."""
    if isinstance(problems, dict):
        return [
            pair
            for key, value in sorted(problems.items(), key=lambda item: str(item[0]))
            for pair in _flatten(value, f"{path}.{key}" if path else str(key))
        ]
    return [(path, str(message)) for message in problems]


_TURN_SCHEMA: Final = TurnSchema()
_SESSION_SCHEMA: Final = SessionSchema()


# Cutting -----------------------------------------------------------------------------------

_CUT_MARGIN: Final = 4096


def _cut(event: TurnEvent, excess: int) -> None:
    """Cut a turn until it is at least `excess` bytes shorter on the wire, or nothing is left."""
    for call in sorted(event.tool_calls, key=lambda call: len(call.output or ""), reverse=True):
        if excess <= 0:
            return
        if call.output:
            kept, digest, dropped, gained = _shorten(call.output, excess)
            call.output, call.sha256 = kept, call.sha256 or digest
            call.truncated_bytes += dropped
            excess -= gained
    for attachment in event.metadata.get("attachments", ()):
        if excess <= 0:
            return
        data = attachment.get("data", "")
        attachment |= {
            "data": "",
            "truncated_bytes": len(data),
            "sha256": hashlib.sha256(data.encode()).hexdigest(),
        }
        excess -= len(data)
    if excess > 0 and event.content:
        kept, digest, dropped, _ = _shorten(event.content, excess)
        event.content = kept
        event.metadata |= {"truncated_bytes": dropped, "sha256": digest}


def _shorten(text: str, excess: int) -> tuple[str, str, int, int]:
    """Cut the end off a text so that its JSON gets shorter by `excess` bytes, if it can.

    Returns:
        What is kept, the digest of the whole, the bytes of UTF-8 that were cut off, and the
        bytes of JSON that were gained.
    """
    data = text.encode()
    size = len(_encode(text))
    wanted = max(0, size - excess - _CUT_MARGIN)
    # Escapes make the JSON of a text longer than the text, by the same factor on average; the
    # loop settles it where they stand unevenly.
    keep = len(data) * wanted // size
    kept = data[:keep].decode("utf-8", "ignore")
    while len(_encode(kept)) > wanted and kept:
        kept = kept[: len(kept) // 2]
    gained = size - len(_encode(kept))
    return kept, hashlib.sha256(data).hexdigest(), len(data) - len(kept.encode()), gained
