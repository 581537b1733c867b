"""What a tool has taken back: turns that it deleted, or undid, and that the archive keeps.

That turns were taken back is said of their session, in `SessionMeta.metadata`: one key each, so
that statements of several records add up in any order and a later one corrects an earlier one.

    "removed:<name>": {"from": 4096, "to": 8192, "why": "reverted"}

`from` and `to` are places (`seq`) of the session, the second one exclusive. The value may be a list
of such. A statement that is taken back itself, because the turns are there again, is ``null``.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: ``reverted``: a person undid them; ``deleted``: the tool removed them.
Why = Literal["reverted", "deleted"]

#: What keys of such statements begin with.
PREFIX: Final = "removed:"

#: The statement of turns that were found missing in their sources.
MISSING: Final = "missing"

_WHYS: Final = frozenset(get_args(Why))


def removal(name: str, start: int, end: int, why: Why) -> dict[str, Any]:
    """Say that turns were taken back; for `SessionMeta.metadata`.

    Args:
        name: of the statement, within its session.
        start: place of the first turn.
        end: place behind the last one.
        why: what became of them.
    """
    return {f"{PREFIX}{name}": {"from": start, "to": end, "why": why}}


def removals(name: str, places: Iterable[tuple[int, int]], why: Why) -> dict[str, Any]:
    """Say in one statement that turns were taken back at several places.

    Args:
        name: of the statement, within its session.
        places: of the first turn, and behind the last one, of each.
        why: what became of them.
    """
    told = [{"from": start, "to": end, "why": why} for start, end in places]
    return {f"{PREFIX}{name}": told or None}


def no_removal(name: str) -> dict[str, None]:
    """Say that a statement holds no more, or not yet.

    Args:
        name: of the statement, within its session.
    """
    return {f"{PREFIX}{name}": None}


class _Range(msgspec.Struct):
    start: int = msgspec.field(name="from")
    end: int = msgspec.field(name="to")
    why: str


class Removals:
    """What was taken back of one session.

    Args:
        metadata: of the session. What is no statement, or a malformed one, says nothing.
    """

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        ranges = sorted(_ranges(metadata), key=lambda each: (each.start, each.end))
        self._starts: list[int] = []
        self._ends: list[tuple[int, str]] = []
        for each in ranges:
            start = max(each.start, self._ends[-1][0]) if self._ends else each.start
            if start < each.end:  # what overlaps belongs to the one that begins first
                self._starts.append(start)
                self._ends.append((each.end, each.why))

    @classmethod
    def of_json(cls, metadata: bytes | None) -> Removals:
        """Take the metadata of a session as JSON."""
        if not metadata or PREFIX.encode() not in metadata:
            return cls({})
        return cls(msgspec.json.decode(metadata, type=dict[str, Any]))

    def why(self, seq: int) -> str | None:
        """Say why the turn at a place was taken back; `None` if it was not."""
        place = bisect.bisect_right(self._starts, seq) - 1
        if place < 0 or seq >= self._ends[place][0]:
            return None
        return self._ends[place][1]


def _ranges(metadata: Mapping[str, Any]) -> Iterable[_Range]:
    for key, value in metadata.items():
        if not key.startswith(PREFIX):
            continue
        for one in value if isinstance(value, list) else [value]:
            try:
                found = msgspec.convert(one, _Range)
            except msgspec.ValidationError:
                continue
            if found.why in _WHYS:
                yield found
