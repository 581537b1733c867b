"""What admins ask for of everybody: of one name several owners may have something."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lethe_server.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


def the_only(found: Sequence[tuple[str, T]], *, missing: str, what: str) -> tuple[str, T]:
    """Return what was found, with its owner.

    Args:
        found: of each owner at most one; of one owner alone unless everybody was asked for.
        missing: says that there is nothing.
        what: was found.

    Raises:
        NotFound: nothing was, or it is somebody else's: nobody can tell which (A3).
        Conflict: several owners have one.
    """
    if not found:
        raise NotFound(missing)
    if len(found) > 1:
        raise Conflict(f"several owners have {what}", hint="ask with `owner=NAME`")
    return found[0]
