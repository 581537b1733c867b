"""What the assistant called."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_core import ToolCall
from lethe_core.limits import KIB, MAX_EVENT_BYTES
from lethe_core.mapping import call_line

if TYPE_CHECKING:
    from lethe_claude_code.records import Block
    from lethe_claude_code.turns import Turns

_MAX_INPUT_BYTES: Final = MAX_EVENT_BYTES - 256 * KIB
_KEPT_INPUT_BYTES: Final = 64 * KIB

#: The argument that tells most of a call, where it is not the usual one.
_MAIN_ARGUMENT: Final = {
    "Agent": "description",
    "Glob": "pattern",
    "Grep": "pattern",
    "LSP": "operation",
    "Skill": "skill",
    "Task": "description",
    "WebFetch": "url",
}

_decode = msgspec.json.Decoder().decode


def add_call(
    turns: Turns, block: Block, index: int, metadata: dict[str, Any], **fields: Any
) -> None:
    """Add the turn of a call.

    Args:
        turns: where it goes.
        block: the call.
        index: the number of the block.
        metadata: what is to be known beside.
        **fields: other fields of `TurnEvent`.

    Raises:
        msgspec.MsgspecError: the arguments hold a number that nothing can read.
    """
    raw = bytes(block.input)
    arguments = _decode(raw) if raw else None
    main = arguments.get(_MAIN_ARGUMENT.get(block.name)) if isinstance(arguments, dict) else None
    call = ToolCall(id=block.id, name=block.name, input=block.input if raw else None)
    if len(raw) > _MAX_INPUT_BYTES:
        call.input = None
        metadata = metadata | {
            "input": {
                "head": raw[:_KEPT_INPUT_BYTES].decode("utf-8", "ignore"),
                "truncated_bytes": len(raw) - _KEPT_INPUT_BYTES,
                "sha256": hashlib.sha256(raw).hexdigest(),
            }
        }
    turns.add(
        "assistant",
        "tool_call",
        call_line(block.name, main or arguments),
        index=index,
        tool_calls=[call],
        metadata=metadata,
        **fields,
    )
