"""Blocks of Markdown that a text leaves open, so that what follows would stand in them.

A code block ends with the list item or quotation that it stands in: only one that stands in neither
is closed. Of HTML what hides all up to its end is a comment, a script or alike: if that end does
not come, the beginning is made text.
"""

from __future__ import annotations

import re
from typing import Final

_INDENT: Final = re.compile(r" *")
#: `* * *` is a line, no list.
_ITEM: Final = re.compile(r"(?!([-*])(?: *\1){2,} *$)(?:[-*+]|\d{1,9}[.)])(?: {1,4}(?! )| |$)")
_FULL_ITEM: Final = re.compile(_ITEM.pattern + r"(?=\S)")
_QUOTE: Final = re.compile(r"(?:> ?)+ *")
_FENCE: Final = re.compile(r"(?P<fence>`{3,}|~{3,})(?P<rest>.*)")
_HTML: Final = re.compile(
    r"<(?:!--|!\[CDATA\[|[?]|(?P<tag>script|pre|style|textarea)(?=[\s>]|$))", re.IGNORECASE
)
_ENDS: Final = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}
#: More blanks make a line one of code.
_MOST_BLANKS: Final = 3


def close_blocks(text: str) -> str:
    """Return a text behind which another one stands in none of its blocks.

    Args:
        text: Markdown.
    """
    reader = _Reader(text.rstrip())
    lines = [reader.read(line) for line in reader.text.split("\n")]
    return "\n".join([*lines, reader.fence] if reader.fence and not reader.columns else lines)


class _Reader:
    """Reads line by line what stands within what.

    Args:
        text: whose lines are read.

    Attributes:
        columns: where the contents of the list items begin that the line stands in.
        fence: what opened the code block that the line stands in.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.columns: list[int] = []
        self.fence = ""
        self._place = 0
        self._html_end = 0
        self._follows_blank = True
        self._missing: set[str] = set()

    def read(self, line: str) -> str:
        """Return a line, in which HTML without an end is made text."""
        begin, self._place = self._place, self._place + len(line) + 1
        if begin < self._html_end:
            return line
        if not line.strip():
            self._follows_blank = True
            return line
        spaced = line.expandtabs(4)
        place = _end(_INDENT, spaced, 0)
        while self.columns and place < self.columns[-1]:
            self.columns.pop()
            self.fence = ""  # it ended with the item
        if self.fence:
            self._close(spaced, place)
            return line
        line = self._open(line, spaced, place)
        self._follows_blank = False
        return line

    def _open(self, line: str, spaced: str, place: int) -> str:
        # An empty item begins no list within a paragraph.
        pattern = _ITEM if self._follows_blank else _FULL_ITEM
        while self._is_block(place) and (item := pattern.match(spaced, place)):
            place = item.end()
            self.columns.append(place)
        quoted = _end(_QUOTE, spaced, place)
        fence = _FENCE.match(spaced, place)
        if not self._is_block(place):
            return line
        # A fence of backticks whose line holds another one is code within the line.
        if fence and (fence["fence"][0] == "~" or "`" not in fence["rest"]):
            self.fence = fence["fence"]
        elif html := _HTML.match(spaced, quoted):
            start = html[0]
            end = f"</{html['tag']}>" if html["tag"] else _ENDS[start.upper()]
            if not self._ends(self._place - len(line) - 1 + line.index(start) + len(start), end):
                return line.replace(start, f"\\{start}", 1)
        return line

    def _close(self, line: str, place: int) -> None:
        fence = _FENCE.match(line, place)
        if (
            fence
            and self._is_block(place)
            and not fence["rest"].strip()
            and fence["fence"].startswith(self.fence)
        ):
            self.fence = ""

    def _is_block(self, place: int) -> bool:
        """Tell whether what begins so far from the left is no line of code."""
        return place - (self.columns[-1] if self.columns else 0) <= _MOST_BLANKS

    def _ends(self, place: int, end: str) -> bool:
        """Tell whether HTML that begins at a place comes to its end, and note where."""
        if end not in self._missing:
            found = re.compile(re.escape(end), re.IGNORECASE).search(self.text, place)
            if found:
                self._html_end = found.end()
                return True
            self._missing.add(end)
        return False


def _end(pattern: re.Pattern[str], line: str, place: int) -> int:
    match = pattern.match(line, place)
    return match.end() if match else place
