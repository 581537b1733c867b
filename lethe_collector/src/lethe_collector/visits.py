"""One visit to one source: read from the cursor, encode, check, until there is enough.

A visit is bounded by what still fits into the open batch and by time, so that no source keeps
others waiting. Between two visits nothing of a source stays open (P16): the next one begins at
the cursor again.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from lethe_collector.batches import LineKey, Refusal, Segment
from lethe_core.errors import (
    InvalidEvent,
    LetheError,
    PluginError,
    SourceReplaced,
    SourceUnreadable,
    SourceUnsupported,
    TooLarge,
)
from lethe_core.failpoints import failpoint
from lethe_core.outcomes import FAILURES
from lethe_core.sources import HEAD_BYTES
from lethe_core.wire import check_line, encode_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lethe_collector.batches import Room
    from lethe_collector.source_table import ReadingPoint, SourceState
    from lethe_core.parser import Parser
    from lethe_core.sources import Record, Source

#: How long a visit goes on beginning another record, in seconds.
VISIT_SECONDS: Final = 0.2

End = Literal["end", "full", "time", "replaced", "gone", "failed"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a source could not be read on."""

    state: SourceState
    code: str
    text: str
    hint: str


@dataclass(slots=True)
class Visit:
    """What came of a visit.

    Args:
        segment: what was read before it ended.
        end: why it ended.
        failure: if it `failed`.
    """

    segment: Segment
    end: End
    failure: Failure | None = None


def visit_source(
    parser: Parser, source: Source, *, source_id: int, point: ReadingPoint, room: Room, host: str
) -> Visit:
    """Read a source from a point on. To be called in a thread that may hang.

    Args:
        parser: of the source.
        source: as it was last seen.
        source_id: its row in the state.
        point: from where to read.
        room: how much may be read.
        host: the name of this machine.
    """
    source = replace(source, generation=point.generation, revision=point.revision)
    segment = Segment(
        source_id=source_id,
        epoch=point.epoch,
        generation=point.generation,
        before=point.cursor,
        before_position=point.position,
        after=point.cursor,
        position=point.position,
    )
    try:
        failpoint("lane.read.before")
        if point.head_size < min(HEAD_BYTES, source.size):
            segment.identity = parser.identify(source)
        with closing(_Records(parser.read(source, point.cursor))) as records:
            end = _fill(segment, records, parser.tool, room, host)
    except FAILURES as error:  # P9: whatever a plugin raises concerns this source alone
        return _explain(segment, point, error)
    if end == "end":
        segment.read_to = (source.size, source.mtime_ns)
    return Visit(segment, end)


def _explain(segment: Segment, point: ReadingPoint, error: BaseException) -> Visit:
    """Tell what an error means for the source; what was read before it counts."""
    state: SourceState
    known: LetheError
    match error:
        case SourceReplaced() if point.cursor is not None:
            return Visit(segment, "replaced")
        case FileNotFoundError():
            return Visit(segment, "gone")
        case SourceUnsupported():
            state, known = "unsupported", error
        case OSError():
            state, known = "unreadable", SourceUnreadable(error.strerror or str(error))
        case LetheError():
            state, known = "failed", error
        case _:
            # The text of a foreign error may quote the transcript; its type does not.
            reason = f"the parser failed with {type(error).__name__}"
            hint = "`lethe-collector parse TOOL PATH` shows the error"
            state, known = "failed", PluginError(reason, hint=hint)
    return Visit(segment, "failed", Failure(state, known.code, known.message, known.hint))


def _fill(
    segment: Segment, records: Iterator[Record], tool: str, room: Room, host: str
) -> Literal["end", "full", "time"]:
    deadline = time.monotonic() + VISIT_SECONDS
    last: Record | None = None
    try:
        for record in records:
            lines, refused = _encode(record.events, tool, host)
            size = sum(map(len, lines))
            begun = bool(segment.lines) or not room.empty
            if begun and (
                len(segment.lines) + len(lines) > room.lines or segment.size + size > room.size
            ):
                return "full"  # the record is read again by the next visit
            segment.lines += lines
            segment.size += size
            segment.refused += refused
            segment.records += 1
            segment.unmapped += record.unmapped
            if record.skipped:
                segment.skipped[record.skipped] += 1
            last = record
            if len(segment.lines) >= room.lines or segment.size >= room.size:
                return "full"
            if time.monotonic() >= deadline:
                return "time"
    finally:
        if last is not None:  # of the last one alone: a cursor may be dear
            segment.after, segment.position = last.cursor, last.position
    return "end"


def _encode(events: Sequence[Any], tool: str, host: str) -> tuple[list[bytes], list[Refusal]]:
    """Encode the events of a record; what breaks the wire's contract is refused here already."""
    lines: list[bytes] = []
    refused: list[Refusal] = []
    for event in events:
        event.host = host
        line = b""
        try:
            if event.tool != tool:
                raise InvalidEvent("is not the tool of its parser", field="tool")
            line = encode_event(event)
            check_line(line)
        except (InvalidEvent, TooLarge) as error:
            key = LineKey(str(event.session_id), str(getattr(event, "turn_id", "")))
            key.seq = event.seq if isinstance(event.seq, int) else 0
            refused.append(Refusal(code=error.code, reason=error.message, key=key, line=line))
        else:
            lines.append(line)
    return lines, refused


class _Records:
    """An iterator that can be closed, whatever a parser returned."""

    def __init__(self, records: Any) -> None:
        self._iterator = iter(records)

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> Any:
        return next(self._iterator)

    def close(self) -> None:
        """Close a generator, so that it lets go of the source at once."""
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()
