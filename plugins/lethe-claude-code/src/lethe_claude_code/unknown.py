"""Blocks of a type that this version does not know: kept as they stand, so that nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_claude_code.records import raw_blocks
from lethe_core.limits import KIB

if TYPE_CHECKING:
    from lethe_claude_code.turns import Turns
    from lethe_core import Line, Role

_MAX_BLOCK_BYTES: Final = 64 * KIB


def add_unknown(
    turns: Turns,
    line: Line,
    index: int,
    role: Role,
    metadata: dict[str, Any] | None = None,
    **fields: Any,
) -> None:
    """Add the turn of a block that no mapper knows.

    Args:
        turns: where it goes.
        line: the record's line.
        index: the number of the block.
        role: who speaks in the record.
        metadata: what is to be known beside.
        **fields: other fields of `TurnEvent`.

    Raises:
        msgspec.MsgspecError: the line is damaged; it is archived as a whole, then.
    """
    raw = raw_blocks(line.raw)[index]
    block: dict[str, Any] = {"block": raw}
    if len(bytes(raw)) > _MAX_BLOCK_BYTES:
        block = {
            "block_head": bytes(raw)[:_MAX_BLOCK_BYTES].decode("utf-8", "ignore"),
            "block_bytes": len(bytes(raw)),
        }
    turns.add(role, "unknown_block", index=index, metadata={**(metadata or {}), **block}, **fields)
