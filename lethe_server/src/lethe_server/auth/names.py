"""What may be the name of a user."""

from __future__ import annotations

from typing import Final

#: Longest name, in characters.
MAX_USER: Final = 255

#: These separate names in lists, or are what a proxy leaves of a template it could not fill.
_REFUSED: Final = frozenset(',;<>{}"\\')


def user_problem(name: str) -> str:
    """Say why a text is no name of a user; empty if it is one.

    Args:
        name: as it came.
    """
    if not name:
        return "is empty"
    if len(name) > MAX_USER:
        return f"is longer than {MAX_USER} characters"
    if not name.isprintable() or any(char.isspace() or char in _REFUSED for char in name):
        return "holds a character that no user's name has"
    return ""
