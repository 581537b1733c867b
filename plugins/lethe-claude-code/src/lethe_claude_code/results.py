"""What tools answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_claude_code.media import flatten
from lethe_claude_code.persisted import Output, is_persisted, read_output
from lethe_claude_code.places import agent_session
from lethe_claude_code.records import Outcome
from lethe_core import ToolCall
from lethe_core.limits import KIB

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_claude_code.records import Block, Entry
    from lethe_claude_code.turns import Turns

#: A longer patch is left out: the call that it belongs to holds the whole text anyway.
_MAX_PATCH_BYTES: Final = 32 * KIB
_EMPTY_PATCH: Final = b"[]"


def add_result(
    turns: Turns,
    entry: Entry,
    block: Block,
    transcript: Path,
    index: int,
    *,
    alone: bool = False,
    metadata: dict[str, Any] | None = None,
    **fields: Any,
) -> None:
    """Add the turn of a tool's result.

    Args:
        turns: where it goes.
        entry: the record.
        block: the result.
        transcript: the file with the record.
        index: the number of the block.
        alone: whether the record has no other result, so that its ``toolUseResult`` is of this one.
        metadata: what is to be known beside.
        **fields: other fields of `TurnEvent`.
    """
    outcome = entry.tool_use_result
    known = outcome if alone and isinstance(outcome, Outcome) else None
    text, attachments = flatten(block.content)
    output = Output(text)
    if is_persisted(text):
        output = read_output(text, known, transcript, entry.session_id)
    call = ToolCall(
        id=block.tool_use_id,
        output=output.text,
        is_error=bool(block.is_error),
        truncated_bytes=output.truncated_bytes,
        sha256=output.sha256,
    )
    told = {
        **(metadata or {}),
        "attachments": attachments,
        "persisted": output.note,
        "denial": entry.tool_denial_kind,
    }
    if known:
        told |= _notable(known)
    turns.add("tool", "tool_result", index=index, tool_calls=[call], metadata=told, **fields)


def _notable(outcome: Outcome) -> dict[str, Any]:
    """Take what the structured result tells beyond the text that the model was given."""
    notable: dict[str, Any] = {"interrupted": outcome.interrupted}
    if outcome.agent_id:
        notable["subagent_session_id"] = agent_session(outcome.agent_id)
    patch = bytes(outcome.structured_patch)
    if patch.startswith(b"[") and patch != _EMPTY_PATCH and len(patch) <= _MAX_PATCH_BYTES:
        notable["patch"] = outcome.structured_patch
    return notable
