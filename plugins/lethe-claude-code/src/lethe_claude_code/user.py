"""User records: prompts and commands, tool results, and what was put into the user's mouth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_claude_code import media
from lethe_claude_code.prompts import understand
from lethe_claude_code.records import Block
from lethe_claude_code.results import add_result
from lethe_claude_code.turns import Turns
from lethe_claude_code.unknown import add_unknown, unknown_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lethe_claude_code.records import Entry
    from lethe_core import Event, Line

_WORDS: Final = frozenset({"text"}) | media.MEDIA
_USUAL_SOURCES: Final = frozenset({"typed", None})
_USUAL_ORIGINS: Final = frozenset({"human", "sdk", None})


def map_user(entry: Entry, line: Line) -> Sequence[Event] | str:
    """Map a user record: a turn for each tool result, and one for all its words and images."""
    if entry.message is None or entry.message.content is None:
        raise KeyError("message.content")
    content = entry.message.content
    blocks = [Block(type="text", text=content)] if isinstance(content, str) else content
    results = sum(block.type == "tool_result" for block in blocks)
    turns = Turns(entry, line)
    spoken = False
    for index, block in enumerate(blocks):
        if block.type == "tool_result":
            path, alone = line.context.path, results == 1
            told = unknown_parts(block, line, index)
            add_result(turns, entry, block, path, index, alone=alone, metadata=told)
        elif block.type not in _WORDS:
            add_unknown(turns, line, index, "user")
        elif not spoken:
            spoken = True
            _add_words(turns, entry, blocks, index, beside_result=results > 0)
    return turns.events or "empty user"


def _add_words(
    turns: Turns, entry: Entry, blocks: list[Block], index: int, *, beside_result: bool
) -> None:
    """Add the turn of all words and images of a record, at the place of the first of them."""
    text = "\n".join(block.text for block in blocks if block.type == "text" and block.text)
    metadata: dict[str, Any] = {"attachments": [*filter(None, map(media.attach, blocks))]}
    if not text.strip() and not metadata["attachments"]:
        return
    if entry.is_compact_summary:
        turns.add("system", "compact_summary", text, index=index, metadata=metadata)
        return
    origin = entry.origin.kind if entry.origin else ""
    role, kind, content, told = understand(text, is_injected=bool(entry.is_meta), origin=origin)
    if kind == "prompt" and not content.strip() and not metadata["attachments"]:
        role, kind, content, told = "system", "context", text, {}  # the editor spoke alone
    if not kind:
        return
    metadata |= told
    if kind == "prompt" and beside_result:
        kind = "queued_prompt"  # what was typed while a tool ran went along with its result
    if kind == "prompt":
        turns.suggest_title(content)
    if role == "user":
        metadata["prompt_id"] = entry.prompt_id
        if entry.prompt_source not in _USUAL_SOURCES:
            metadata["prompt_source"] = entry.prompt_source
        if entry.turn_origin not in _USUAL_ORIGINS:
            metadata["origin"] = entry.turn_origin
    metadata["interrupted_message_id"] = entry.interrupted_message_id
    turns.add(role, kind, content, index=index, metadata=metadata)
