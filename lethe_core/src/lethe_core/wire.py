r"""The wire: NDJSON, one event a line.

`lethe_core.schema` is the contract of every field. This module is the hot path: it encodes with
msgspec, and decodes into `IncomingTurn` and `IncomingSession`, which accept exactly the lines that
the schemas accept (tests/lethe_core/test_wire.py proves it with generated lines) at a twentieth
of the cost. Patterns are matched afterwards: the decoder would take twice as long for each.
Unknown fields are ignored and counted, so that an old server takes what a newer collector sends;
``owner`` alone is refused: the server sets it from the sign-in.

Format of a request's body: UTF-8, lines end in ``\n``, the last one may lack it; an empty line
is nothing. See docs/wire.md.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Raw

from lethe_core.cutting import cut_turn
from lethe_core.decoding import DECODING_ERRORS
from lethe_core.errors import InvalidEvent, TooLarge
from lethe_core.events import Event, Relation, Role, TitleSource, TurnEvent
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
#: With it, a collector shows the mark of the last answer (docs/wire.md).
MARK_HEADER: Final = "Lethe-Mark"
CONTENT_TYPE: Final = "application/x-ndjson"

_is_name = re.compile(NAME_PATTERN).match
_is_session_id = re.compile(SESSION_ID_PATTERN).match
_is_key = re.compile(KEY_PATTERN).match

_Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
_Place = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
_Time = Annotated[float, Meta(ge=0, le=MAX_TIMESTAMP)]
_Price = Annotated[float, Meta(ge=0)]
_ABSENT: Final = Raw(b"")


class IncomingUsage(msgspec.Struct, kw_only=True, gc=False):
    """`UsageSchema`, decoded."""

    key: str
    input: _Count = 0
    output: _Count = 0
    cache_read: _Count = 0
    cache_write: _Count = 0
    reasoning: _Count = 0


class IncomingToolCall(msgspec.Struct, kw_only=True, gc=False):
    """`ToolCallSchema`, decoded."""

    id: str = ""
    name: str = ""
    input: Any = None
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
    parent_session_id: str | None = None
    relation: Relation | None = None
    metadata: dict[str, Any] = {}


class _Turn(msgspec.Struct, kw_only=True):
    """All of a turn but `tool_calls` and `metadata`."""

    tool: str
    host: str
    session_id: str
    turn_id: str
    seq: _Place
    role: Role
    timestamp: _Time | None = None
    content: str = ""
    model: str | None = None
    tokens_in: _Count | None = None
    tokens_out: _Count | None = None
    cost_usd: _Price | None = None
    session_meta: IncomingMeta | None = None
    usage: IncomingUsage | None = None
    revision: _Place = 0
    parser_version: _Place = 1
    kind: Literal["turn"] = "turn"


class IncomingTurn(_Turn, kw_only=True):
    """`TurnSchema`, decoded; `tool_calls` and `metadata` stay the JSON that came."""

    tool_calls: Raw = _ABSENT
    metadata: Raw = _ABSENT


class IncomingSession(msgspec.Struct, kw_only=True):
    """`SessionSchema`, decoded."""

    tool: str
    host: str
    session_id: str
    seq: _Place
    session_meta: IncomingMeta
    kind: Literal["session"]
    timestamp: _Time | None = None
    parser_version: _Place = 1


class _StrictTurn(IncomingTurn, forbid_unknown_fields=True):
    """A turn without unknown fields: nearly all of them."""


class _WholeUsage(IncomingUsage, forbid_unknown_fields=True):
    """Tokens of which nothing is skipped."""


class _WholeToolCall(IncomingToolCall, forbid_unknown_fields=True):
    """A call of which nothing is skipped."""


class _WholeMeta(IncomingMeta, forbid_unknown_fields=True):
    """What is said of a session, of which nothing is skipped."""


class _WholeTurn(_Turn, kw_only=True, forbid_unknown_fields=True):
    """A turn of which nothing is skipped or stays encoded: the decoder has looked at each byte."""

    tool_calls: list[_WholeToolCall] = []
    metadata: dict[str, Any] = {}
    session_meta: _WholeMeta | None = None
    usage: _WholeUsage | None = None


class _Head(msgspec.Struct):
    kind: str = "turn"


class DecodedLine(NamedTuple):
    """One line of a request.

    Args:
        event: what it says.
        calls: the decoded `tool_calls` of a turn.
        metadata: the decoded `metadata` of a turn.
        unknown_fields: how many fields of the event this version does not know.
    """

    event: IncomingTurn | IncomingSession
    calls: list[IncomingToolCall]
    metadata: dict[str, Any]
    unknown_fields: int = 0


_decode_whole = msgspec.json.Decoder(_WholeTurn).decode
_decode_strict = msgspec.json.Decoder(_StrictTurn).decode
_decode_turn = msgspec.json.Decoder(IncomingTurn).decode
_decode_session = msgspec.json.Decoder(IncomingSession).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_calls = msgspec.json.Decoder(list[IncomingToolCall]).decode
_decode_metadata = msgspec.json.Decoder(dict[str, Any]).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


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
            cut_turn(event, len(line) - MAX_EVENT_BYTES)
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
            decoded = _with_parts(_decode_strict(line))
        except msgspec.ValidationError:
            decoded = _decode_unusual(line)
        _match_names(decoded.event)
    except DECODING_ERRORS as error:
        from lethe_core.schema import explain  # noqa: PLC0415 - marshmallow only when it is needed

        raise explain(line) from error
    return decoded


def check_line(line: bytes) -> None:
    """Check a line that is to be sent: what `decode_line` takes, at half of its cost.

    It reads the line once, since nobody wants its parts; of whatever it does not take at once,
    `decode_line` decides.

    Args:
        line: from `encode_event`.

    Raises:
        TooLarge, InvalidEvent: like `decode_line`.
    """
    try:
        _match_names(_decode_whole(line))
    except DECODING_ERRORS:
        decode_line(line)


def _match_names(event: _Turn | IncomingSession) -> None:
    """Match what must have the form of a name."""
    well = _is_name(event.tool) and _is_name(event.host) and _is_session_id(event.session_id)
    if isinstance(event, _Turn):
        well = well and _is_key(event.turn_id)
        if event.usage is not None:
            well = well and _is_key(event.usage.key)
    meta = event.session_meta
    if meta is not None and meta.parent_session_id is not None:
        well = well and _is_session_id(meta.parent_session_id)
    if not well:
        raise msgspec.ValidationError("a name")


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
        return DecodedLine(event, [], {}, unknown)
    return _with_parts(event)._replace(unknown_fields=unknown)


def _with_parts(turn: IncomingTurn) -> DecodedLine:
    """Check the parts that stay encoded: a number that no float holds would come up on reading."""
    return DecodedLine(
        turn,
        calls=_decode_calls(turn.tool_calls) if bytes(turn.tool_calls) else [],
        metadata=_decode_metadata(turn.metadata) if bytes(turn.metadata) else {},
    )
