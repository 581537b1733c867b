"""Blocks of a type that this version does not know: kept as they stand, so that nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_claude_code.media import MEDIA
from lethe_claude_code.records import Block, raw_blocks
from lethe_core.mapping import unknown_block

if TYPE_CHECKING:
    from lethe_claude_code.turns import Turns
    from lethe_core import Line, Role

#: Parts of a result that are told as text or attachments.
_KNOWN_PARTS: Final = MEDIA | {"text", "tool_reference", "web_search_result"}


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
    # Decoded, since nobody has looked at the values in it: the wire does not take all of them.
    block = unknown_block(msgspec.json.decode(raw_blocks(line.raw)[index]))
    turns.add(role, "unknown_block", index=index, metadata={**(metadata or {}), **block}, **fields)


def unknown_parts(block: Block, line: Line, index: int) -> dict[str, Any]:
    """Make the metadata of the parts of a result that are not known; none if all are.

    Args:
        block: the result.
        line: the record's line.
        index: the number of the block.

    Raises:
        msgspec.MsgspecError: the line is damaged; it is archived as a whole, then.
    """
    content = block.content
    parts = content if isinstance(content, list) else [content]
    unknown = [number for number, part in enumerate(parts) if not _is_told(part)]
    if not unknown:
        return {}
    written = msgspec.json.decode(raw_blocks(line.raw)[index])["content"]
    return unknown_block(
        [written[number] for number in unknown] if isinstance(written, list) else [written]
    )


def _is_told(part: Any) -> bool:
    """Say whether the output of a result tells all that is known of a part."""
    return not isinstance(part, Block) or part.type in _KNOWN_PARTS or bool(part.error_code)
