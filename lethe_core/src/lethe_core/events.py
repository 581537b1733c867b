"""The events that travel from a transcript to the archive.

Two kinds of event exist: a `TurnEvent` is one message, tool call or tool result; a `SessionEvent`
carries what is known of a session alone, such as a title that came later. `lethe_core.wire` holds
the contract of every field; docs/wire.md explains it.

The types are msgspec structs: building one costs under a microsecond, encoding one about four.
Parsers leave `host` empty, the collector sets it.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import msgspec

Role = Literal["user", "assistant", "tool", "system"]
Relation = Literal["subagent", "fork", "continuation"]

#: Where a title comes from, the strongest first. Of one source the latest in the session wins, of
#: prompts the first.
TitleSource = Literal["custom", "generated", "summary", "prompt"]

ROLES: Final[tuple[str, ...]] = get_args(Role)
RELATIONS: Final[tuple[str, ...]] = get_args(Relation)
TITLE_SOURCES: Final[tuple[str, ...]] = get_args(TitleSource)


class Usage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Tokens of one reply of a model's API.

    `key` names the reply: however often its numbers are repeated (in each line of a streamed
    answer, in a fork, in a resumed copy), the archive keeps the greatest value of each field per
    `(owner, tool, key)` and counts it once.

    Args:
        key: identity of the reply, such as ``msg_01:req_01``.
        input: tokens of the prompt that were neither read from nor written to a cache.
        output: tokens of the answer, thinking included.
        cache_read: tokens of the prompt that were read from a cache.
        cache_write: tokens of the prompt that were written to a cache.
        reasoning: tokens of `output` that were spent on thinking, where the tool tells.
    """

    key: str
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


class ToolCall(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A call of a tool, its result, or both; `id` joins a call with a result in another turn.

    Args:
        id: the identity that the assistant gave to the call.
        name: the tool's name; may be empty in a result.
        input: the arguments, any JSON value; `None` in a result.
        output: what the tool answered, as text; `None` while there is no answer.
        is_error: whether the tool said that it failed.
        truncated_bytes: how many bytes of UTF-8 were cut off the end of `output`.
        sha256: hexadecimal digest of the whole output, if it was cut.
    """

    id: str = ""
    name: str = ""
    input: Any = None
    output: str | None = None
    is_error: bool = False
    truncated_bytes: int = 0
    sha256: str = ""


class SessionMeta(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an event says of its session. All fields are optional.

    The archive merges them without regard to the order of arrival: `working_dir` is the one with
    the smallest `seq` (where the session began), `title` the one with the strongest
    `title_source` and of these the greatest `seq` (of ``prompt`` the smallest: the first prompt
    names a session), all others the one with the greatest `seq`; `metadata` is merged key by key.
    A session without any title is shown by the beginning of its first prompt.
    """

    source_file: str | None = None
    working_dir: str | None = None
    git_branch: str | None = None
    title: str | None = None
    title_source: TitleSource | None = None
    parent_session_id: str | None = None
    relation: Relation | None = None
    metadata: dict[str, Any] = {}


class TurnEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One turn: a message, a tool call or a tool result.

    Args:
        tool: the tool that wrote it, such as ``claude-code``.
        session_id: the session, unique within owner, tool and host.
        turn_id: the turn, unique within the session.
        seq: orders the turns of a session; does not depend on where reading began.
        role: who speaks.
        timestamp: Unix seconds; `None` where the tool wrote none.
        content: the text.
        model: the model that answered.
        tokens_in: tokens of the prompt, for tools that have no key for a `usage`.
        tokens_out: tokens of the answer, likewise.
        cost_usd: the price, only where the tool itself reports it.
        tool_calls: calls and results of tools in this turn.
        metadata: what has no field of its own; `metadata["kind"]` says what sort of turn it is
            (docs/wire.md lists the well-known kinds).
        session_meta: what this turn says of its session.
        usage: tokens of the API reply that this turn belongs to.
        revision: of a turn that its tool rewrites; a later one replaces an earlier one.
        parser_version: of one revision, the greater parser version wins.
        host: the machine, set by the collector.
    """

    tool: str
    session_id: str
    turn_id: str
    seq: int
    role: Role
    timestamp: float | None = None
    content: str = ""
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    tool_calls: list[ToolCall] = []
    metadata: dict[str, Any] = {}
    session_meta: SessionMeta | None = None
    usage: Usage | None = None
    revision: int = 0
    parser_version: int = 1
    host: str = ""


class SessionEvent(
    msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="kind", tag="session"
):
    """What became known of a session without a turn, such as a title.

    `seq` is the place in the source, as for turns: the archive uses it to tell which of two
    statements is the later one. On the wire it is told from a turn by ``"kind": "session"``.
    """

    tool: str
    session_id: str
    seq: int
    session_meta: SessionMeta
    timestamp: float | None = None
    parser_version: int = 1
    host: str = ""


Event = TurnEvent | SessionEvent
