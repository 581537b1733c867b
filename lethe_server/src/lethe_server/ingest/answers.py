"""What collectors are answered."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class LineError(TypedDict):
    """A line that is refused for good."""

    line: int
    code: str
    error: str
    field: NotRequired[str]


class IngestAnswer(TypedDict):
    """What became of the lines of a request."""

    received: int
    accepted: int
    errors: list[LineError]
    mark: str
    mark_known: NotRequired[bool]
    unknown_fields: NotRequired[int]
