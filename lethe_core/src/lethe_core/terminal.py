"""What of a text may reach a terminal (A6).

Names of files, answers of servers and transcripts hold what others wrote: sequences that set a
window's title, move the cursor or type for the user, and marks that turn the direction of writing.
What is not printable is written as an escape, so that it can be seen and does nothing.
"""

from __future__ import annotations

import re

#: Control characters (of C1 too, which are sequences without an escape), line separators, and what
#: is invisible or turns the direction; tabs and ends of lines stay.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def printable(text: str) -> str:
    """Return a text as one line in which everything can be seen.

    Args:
        text: any.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_json(data: bytes) -> bytes:
    """Return JSON that says the same and that a terminal does not obey.

    Args:
        data: JSON.
    """
    text = data.decode("utf-8", "backslashreplace")
    # Between its strings JSON holds blanks alone, of which one moves the cursor back.
    text = text.replace("\r", " ")
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
