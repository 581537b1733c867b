"""Exports in Markdown.

What an assistant said is Markdown already and stands as it is; blocks that it left open are closed
(`open_blocks`). All other text stands in code blocks, whose fences are longer than any in the text;
so does an answer that would hide what follows, as with a comment of HTML that it left open.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from lethe_server.exports.form import Export, ShownTurn, facts_of
from lethe_server.exports.open_blocks import close_blocks

if TYPE_CHECKING:
    from lethe_server.exports.form import ShownCall
    from lethe_server.storage import TurnRow

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&$])")
_SHORTEST_FENCE: Final = 3


class MarkdownExport(Export):
    """A document with a heading for each turn."""

    content_type: ClassVar[str] = "text/markdown; charset=utf-8"

    def head(self) -> bytes:
        """Return the title and what is known of the session."""
        title = self.session.shown_title or self.session.session_id
        facts = "".join(f"* {label}: {escape(value)}\n" for label, value in facts_of(self.session))
        return f"# {escape(title)}\n\n{facts}".encode()

    def turn(self, row: TurnRow) -> bytes:
        """Return a turn."""
        turn = ShownTurn(row)
        heading = " · ".join(escape(part) for part in (turn.heading, turn.time) if part)
        parts = [f"## {heading}"]
        if turn.content.strip():
            closed = close_blocks(turn.content) if turn.is_answer else None
            parts.append(fence(turn.content) if closed is None else closed)
        parts += [part for call in turn.calls for part in _call(call)]
        parts += [escape(note) for note in turn.notes]
        return ("\n" + "\n\n".join(parts) + "\n").encode()

    def tail(self) -> bytes:
        """Return nothing."""
        return b""


def escape(text: str) -> str:
    """Return a text as a line of Markdown that means nothing but itself.

    Args:
        text: any.
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def fence(text: str, language: str = "") -> str:
    """Put a text into a code block.

    Args:
        text: any.
        language: of the text.
    """
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marks = "`" * max(_SHORTEST_FENCE, longest + 1)
    return f"{marks}{language}\n{text.rstrip()}\n{marks}"


def _call(call: ShownCall) -> list[str]:
    parts: list[str] = []
    if call.name or call.arguments:
        parts.append(f"**{escape(call.name or 'Call')}**")
    if call.arguments:
        parts.append(fence(call.arguments, "json"))
    if call.output is not None:
        parts.append("Error:" if call.is_error else "Output:")
        parts.append(fence(call.output))
    return parts
