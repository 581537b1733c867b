"""The records of a transcript: the fields that are read, and nothing else.

A line is decoded in one pass into an `Entry`, whatever its type is; what no mapper reads is
skipped by the decoder, which is several times faster than to build it. Large payloads that are
passed on as they stand (`tool_use.input`, a patch) stay `msgspec.Raw`.

The format changes with nearly every release of Claude Code. So no field is required, and a field
that has another type than it used to have costs only itself; a record whose words themselves
cannot be read is refused, so that the whole line is archived as unmapped.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from lethe_core.limits import MAX_INTEGER

ABSENT: Final = Raw(b"")

_Tokens = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
_T = TypeVar("_T", bound=Struct)


class TokenDetails(Struct):
    """``usage.output_tokens_details``."""

    thinking_tokens: _Tokens = 0


class TokenUsage(Struct):
    """``message.usage``: the tokens of the whole API reply, on each of its lines."""

    input_tokens: _Tokens | None = 0
    output_tokens: _Tokens | None = 0
    cache_read_input_tokens: _Tokens | None = 0
    cache_creation_input_tokens: _Tokens | None = 0
    output_tokens_details: TokenDetails | None = None


class Media(Struct):
    """The ``source`` of an image or a document."""

    type: str = ""
    media_type: str = ""
    data: str = ""
    url: str = ""


class ModelName(Struct):
    """One end of a ``fallback`` block."""

    model: str = ""


class Block(Struct):
    """A content block of any type; each type uses some of the fields."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    id: str = ""
    name: str = ""
    input: Raw = ABSENT
    tool_use_id: str = ""
    content: str | list[Block] | Block | None = None
    is_error: bool | None = None
    source: Media | None = None
    title: str | None = None
    url: str = ""
    tool_name: str = ""
    error_code: str = ""
    from_: ModelName | None = msgspec.field(default=None, name="from")
    to: ModelName | None = None


class Message(Struct):
    """What was said, in the form of the API."""

    id: str = ""
    model: str | None = None
    content: str | list[Block] | None = None
    stop_reason: str | None = None
    usage: TokenUsage | None = None


class Origin(Struct):
    """Who a prompt comes from."""

    kind: str = ""


class Fork(Struct):
    """Where a record was copied from."""

    sessionId: str = ""  # noqa: N815 - the names of the format
    messageUuid: str = ""  # noqa: N815


class Outcome(Struct, rename="camel"):
    """The few fields of ``toolUseResult`` that the tool_result block does not repeat."""

    agent_id: str | None = None
    interrupted: bool | None = None
    structured_patch: Raw = ABSENT
    persisted_output_path: str | None = None
    persisted_output_size: int | None = None


class Attachment(Struct, rename="camel"):
    """``attachment``: what Claude Code puts before the model beside the conversation."""

    type: str = ""
    prompt: Raw = ABSENT
    command_mode: str = ""
    origin: Origin | None = None
    source_uuid: str | None = msgspec.field(default=None, name="source_uuid")
    is_meta: bool | None = None


class Compaction(Struct, rename="camel"):
    """``compactMetadata``."""

    trigger: str | None = None
    pre_tokens: int | None = None
    post_tokens: int | None = None


class ApiFailure(Struct):
    """``error`` of a system record."""

    message: str | None = None
    formatted: str | None = None
    status: int | None = None


class ModelCost(Struct, rename="camel"):
    """What one model cost in a session."""

    input_tokens: _Tokens = 0
    output_tokens: _Tokens = 0
    thinking_tokens: _Tokens = 0
    cache_read_input_tokens: _Tokens = 0
    cache_creation_input_tokens: _Tokens = 0
    cost_usd: float = msgspec.field(default=0.0, name="costUSD")


class Worktree(Struct, rename="camel"):
    """``worktreeSession``."""

    worktree_name: str | None = None
    worktree_path: str | None = None
    worktree_branch: str | None = None


class Entry(Struct, rename="camel"):
    """One line of a transcript, of any type; each type uses some of the fields."""

    # The envelope of user, assistant, system and attachment records, in the usual order.
    parent_uuid: str | None = None
    logical_parent_uuid: str | None = None
    is_sidechain: bool = False
    prompt_id: str | None = None
    agent_id: str | None = None
    type: str = ""
    message: Message | None = None
    uuid: str = ""
    timestamp: str | float | None = None
    tool_use_result: Outcome | str | list[Raw] | None = None
    request_id: str | None = None
    effort: str | None = None
    entrypoint: str | None = None
    cwd: str | None = None
    session_id: str = ""
    version: str | None = None
    git_branch: str | None = None
    team_name: str | None = None
    agent_name: str | None = None
    forked_from: Fork | None = None
    # user
    is_meta: bool | None = None
    is_compact_summary: bool | None = None
    origin: Origin | None = None
    turn_origin: str | None = None
    prompt_source: str | None = None
    interrupted_message_id: str | None = None
    tool_denial_kind: str | None = None
    # assistant
    is_api_error_message: bool | None = None
    error: Raw = ABSENT
    api_error_status: int | None = None
    is_aborted_mid_stream: bool | None = None
    cost_usd: float | None = msgspec.field(default=None, name="costUSD")
    # system and attachment
    subtype: str | None = None
    content: Raw = ABSENT
    level: str | None = None
    compact_metadata: Compaction | None = None
    retry_attempt: int | None = None
    max_retries: int | None = None
    attachment: Attachment | None = None
    # queue-operation
    operation: str | None = None
    # records that say something of the session
    custom_title: str | None = None
    ai_title: str | None = None
    summary: str | None = None
    leaf_uuid: str | None = None
    mode: str | None = None
    permission_mode: str | None = None
    tag: str | None = None
    relocated_cwd: str | None = None
    worktree_session: Worktree | None = None
    pr_number: int | None = None
    pr_url: str | None = None
    pr_repository: str | None = None
    total_cost_usd: float | None = msgspec.field(default=None, name="totalCostUSD")
    total_duration: float | None = None
    total_api_duration: float | None = msgspec.field(default=None, name="totalAPIDuration")
    total_lines_added: int | None = None
    total_lines_removed: int | None = None
    model_usage: dict[str, ModelCost] | None = None


class _BlocksAsTheyStand(Struct):
    content: list[Raw] = []


class _MessageAsItStands(Struct):
    message: _BlocksAsTheyStand


#: Objects of which the other fields are taken, too, if one has an unexpected type.
_PARTS: Final[dict[tuple[type[Struct], str], type[Struct]]] = {
    (Block, "source"): Media,
    (Entry, "tool_use_result"): Outcome,
    (Entry, "compact_metadata"): Compaction,
    (Message, "usage"): TokenUsage,
    (TokenUsage, "output_tokens_details"): TokenDetails,
}

CONVERSATION: Final = frozenset({"user", "assistant", "system", "attachment"})

#: Finds an escape that may be half a surrogate pair. Each line is searched: an expression reads it
#: once, four times as fast as two searches for a text.
_find_surrogate = re.compile(rb"\\u[dD][89A-Fa-f]").search
_decode_strictly = msgspec.json.Decoder(Entry).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_as_it_stands = msgspec.json.Decoder(_MessageAsItStands).decode
decode_content = msgspec.json.Decoder(str | list[Block] | None).decode
decode_text = msgspec.json.Decoder(str | None).decode
decode_failure = msgspec.json.Decoder(ApiFailure | str | None).decode


def decode_entry(data: bytes) -> Entry:
    """Decode a line.

    Args:
        data: the line, without its end.

    Raises:
        msgspec.MsgspecError: it is no JSON object, or a part that carries its words is wrong.
        UnicodeDecodeError: it is no UTF-8.
    """
    # What is skipped or stays raw is not looked at by the decoder, but goes over the wire.
    if not data.isascii():
        data.decode()
    if _find_surrogate(data):
        msgspec.json.decode(data)  # refuses a lone surrogate
    try:
        return _decode_strictly(data)
    except msgspec.ValidationError:
        return _salvage_entry(data)


def raw_blocks(data: bytes) -> list[Raw]:
    """Give the content blocks of a line as they stand.

    Raises:
        msgspec.MsgspecError: the line has no list of blocks, or is damaged.
    """
    return _decode_as_it_stands(data).message.content


def _salvage_entry(data: bytes) -> Entry:
    given = _decode_object(data)
    entry = _salvage(Entry, given)
    if entry.type in CONVERSATION:
        if entry.message is None and "message" in given and bytes(given["message"]) != b"null":
            entry.message = _salvage_message(given["message"])
        if entry.attachment is None and "attachment" in given:
            entry.attachment = _salvage(Attachment, _decode_object(given["attachment"]))
    return entry


def _salvage_message(data: Raw) -> Message:
    given = _decode_object(data)
    message = _salvage(Message, given)
    if message.content is None and "content" in given and bytes(given["content"]) != b"null":
        message.content = _salvage_blocks(given["content"])
    return message


def _salvage_blocks(data: Raw) -> list[Block]:
    blocks = []
    for item in _decode_list(data):
        given = _decode_object(item)
        block = _salvage(Block, given)
        if block.content is None and bytes(given.get("content", b"")) not in {b"", b"null"}:
            block.content = _salvage_blocks(given["content"])
        blocks.append(block)
    return blocks


def _salvage(kind: type[_T], given: dict[str, Raw]) -> _T:
    """Take the fields that have the expected type, and leave out the others."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name in given:
            raw = given[field.encode_name]
            try:
                values[field.name] = msgspec.json.decode(raw, type=field.type)
            except msgspec.ValidationError:
                part = _PARTS.get((kind, field.name))
                if part and bytes(raw).startswith(b"{"):
                    rest = _salvage(part, _decode_object(raw))
                    values[field.name] = rest if rest != part() else field.default
    return kind(**values)
