"""Batches: what one POST carries, and where each line of it came from.

A *segment* is what one visit to one source gave: the encoded lines, and the cursor after them. A
*batch* joins segments of one or many sources until it has enough lines or bytes, so that ten
thousand small files do not take ten thousand requests. A record's lines are never divided
between two segments, because the cursor stands only after a whole record.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lethe_core.sources import Cursor, Identity


class LineKey(msgspec.Struct):
    """The fields of a line that identify its event."""

    session_id: str = ""
    turn_id: str = ""
    seq: int = 0


read_key = msgspec.json.Decoder(LineKey).decode


@dataclass(slots=True, kw_only=True)
class Refusal:
    """An event that is refused for good.

    Args:
        code: stable word, such as ``INVALID``.
        reason: for people, without content.
        key: which event it is.
        line: the encoded event; empty if it cannot be encoded.
    """

    code: str
    reason: str
    key: LineKey
    line: bytes = b""


class LineRefusal(NamedTuple):
    """A line of a batch that the server refuses for good.

    Args:
        place: of the line in the batch, from 0.
        code: stable word.
        reason: for people.
    """

    place: int
    code: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Segment:
    """What one visit to a source gave.

    Args:
        source_id: row of the source in the state.
        epoch: of the source when it was read; the cursor is not stored if it has changed.
        generation: of the source when it was read.
        before: the cursor before the first record.
        before_position: how much of the source lies before it, in the unit of `Source.size`.
        after: the cursor after the last record.
        position: how much of the source lies before that.
        lines: the encoded events.
        size: bytes of `lines`.
        refused: events that broke the wire's contract and are not sent.
        records: how many records were read.
        unmapped: how many of them hold a part that could not be mapped.
        skipped: why records gave no event, and how many.
        read_to: (size, mtime_ns) of the source, if this visit came to its end.
        identity: of the source, if it was read.
    """

    source_id: int
    epoch: int
    generation: int
    before: Cursor | None
    before_position: int
    after: Cursor | None
    position: int
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    refused: list[Refusal] = field(default_factory=list)
    records: int = 0
    unmapped: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    read_to: tuple[int, int] | None = None
    identity: Identity | None = None


@dataclass(slots=True)
class Batch:
    """Segments that travel together."""

    segments: list[Segment] = field(default_factory=list)
    lines: int = 0
    size: int = 0

    def __iter__(self) -> Iterator[bytes]:
        """Give the lines in order."""
        for segment in self.segments:
            yield from segment.lines

    def add(self, segment: Segment) -> None:
        """Append a segment."""
        self.segments.append(segment)
        self.lines += len(segment.lines)
        self.size += segment.size


@dataclass(frozen=True, slots=True)
class Room:
    """How much still fits; `empty` allows one record that is larger than all limits."""

    lines: int
    size: int
    empty: bool


class Batcher:
    """Fills one batch at a time.

    Args:
        max_lines: most events.
        max_bytes: most bytes before compression.
        max_age: seconds that the first event may wait.
        clock: monotonic seconds.
    """

    def __init__(
        self, *, max_lines: int, max_bytes: int, max_age: float, clock: Callable[[], float]
    ) -> None:
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._clock = clock
        self._batch = Batch()
        self._begun = 0.0
        self._is_full = False

    def __bool__(self) -> bool:
        return bool(self._batch.segments)

    @property
    def room(self) -> Room:
        """How much still fits into the open batch."""
        batch = self._batch
        return Room(
            self._max_lines - batch.lines, self._max_bytes - batch.size, empty=not batch.lines
        )

    @property
    def is_due(self) -> bool:
        """Whether the open batch is full or has waited long enough."""
        if not self._batch.segments:
            return False
        return self._is_full or self.seconds_left <= 0

    @property
    def seconds_left(self) -> float:
        """How long the open batch may still wait."""
        return self._begun + self._max_age - self._clock()

    def fits(self, segment: Segment) -> bool:
        """Tell whether a segment may join the open batch."""
        room = self.room
        return room.empty or (len(segment.lines) <= room.lines and segment.size <= room.size)

    def add(self, segment: Segment) -> None:
        """Put a segment into the open batch."""
        if not self._batch.segments:
            self._begun = self._clock()
        self._batch.add(segment)

    def mark_full(self) -> None:
        """Note that the next record did not fit, though there may be room for a smaller one."""
        self._is_full = True

    def take(self) -> Batch:
        """Close the open batch and return it; a new one is begun."""
        batch, self._batch, self._is_full = self._batch, Batch(), False
        return batch
