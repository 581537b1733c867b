"""Blocks of Markdown that a text leaves open, so that what follows would stand in them.

What stands in what, CommonMark tells in many rules: a code block ends with the list item that it
stands in, HTML with a blank line or with its own end. So a parser of CommonMark is asked, and told
to look at blocks alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

#: Without any of these a text leaves nothing open behind a blank line.
_MAY_STAY_OPEN: Final = re.compile(r"```|~~~|<")
#: Nothing of it is tried in two ways: a line of 100,000 blanks would take minutes, and the
#: interpreter does nothing else meanwhile.
_FENCE: Final = re.compile(r"^[ >\t]*+(?:(?:[-*+]|\d++[.)])[ \t]*+)?(`{3,}+|~{3,}+)", re.MULTILINE)
#: Longer texts would take seconds; and so many kinds of fences are tried, the longest first.
_MOST_CHARACTERS: Final = 100_000
_MOST_FENCES: Final = 4
#: No text holds this word by chance.
_MARK: Final = "lethe-9f1c6d52"


def close_blocks(text: str) -> str | None:
    """Return a text behind which another one stands in none of its blocks.

    Args:
        text: Markdown.

    Returns:
        The text, perhaps with the end of a code block; `None` if that does not help, or if the
        text is too long to tell.
    """
    text = text.rstrip()
    if not _MAY_STAY_OPEN.search(text):
        return text
    if len(text) > _MOST_CHARACTERS:
        return None
    if not _is_open(text):
        return text
    fences = sorted(set(_FENCE.findall(text)), key=len, reverse=True)[:_MOST_FENCES]
    closed = (f"{text}\n{fence}" for fence in fences)
    return next((each for each in closed if not _is_open(each)), None)


def _is_open(text: str) -> bool:
    """Tell whether a paragraph behind a text would stand in a block of it."""
    *_, last = (each for each in _parser().parse(f"{text}\n\n{_MARK}") if each.nesting >= 0)
    return (last.type, last.content, last.level) != ("inline", _MARK, 1)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - few servers export Markdown

    return MarkdownIt("commonmark").disable("inline")
