"""`parse`: what a parser makes of a file, without a state and without a server."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, BinaryIO, Protocol, TextIO

from lethe_core.errors import (
    InvalidEvent,
    PluginError,
    SourceError,
    SourceUnreadable,
    TooLarge,
)
from lethe_core.events import TurnEvent
from lethe_core.outcomes import FAILURES, MappedRecord, tell_failure, until_failure
from lethe_core.sources import Source
from lethe_core.terminal import printable, printable_json
from lethe_core.wire import check_line, encode_event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lethe_core.events import Event
    from lethe_core.parser import Parser
    from lethe_core.sources import Record


#: Session, id and revision of a turn.
TurnKey = tuple[str, str, int]


class Show(Protocol):
    """Reads one source, says how it looks, and counts what it is made of."""

    def __call__(
        self, parser: Parser, source: Source, host: str, counts: Counter[str]
    ) -> Iterator[bytes]:
        """Give what is shown of it, piece by piece."""


def read_sources(
    parser: Parser, path: Path, show: Show, *, host: str, out: BinaryIO, told: TextIO
) -> bool:
    """Read all sources below a path and show them.

    Args:
        parser: reads them.
        path: a source, or a directory.
        show: what is done with each source.
        host: the name of this machine in the events.
        out: gets what is shown.
        told: gets a line about each source; of a parser that failed, what its author must know.

    Returns:
        Whether there was a source, and each could be read.

    Raises:
        SourceUnreadable: the path cannot be listed.
        OSError: what is shown cannot be written, as when nobody reads it any more.
    """
    sources, is_well = _find(parser, path, told)
    for source in sources:
        counts: Counter[str] = Counter()
        failures: list[BaseException] = []
        # Written outside of what is read: a failure here is none of the source's.
        out.writelines(until_failure(show(parser, source, host, counts), failures))
        summary = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        if failures:
            is_well = False
            summary = _worded(failures[0], parser)
        _tell(told, f"{source.path}: {summary or 'empty'}")
    out.flush()
    return is_well


def _find(parser: Parser, path: Path, told: TextIO) -> tuple[list[Source], bool]:
    """Find the sources at a path; say whether there are any, and nothing failed."""
    sources: list[Source] = []
    try:
        for source in parser.discover(path):
            if not isinstance(source, Source):
                raise PluginError(f"`discover` gave a {type(source).__name__}, which is no Source")
            sources.append(source)
    except OSError as error:
        place = error.filename or path
        if not sources:
            raise SourceUnreadable(f"{place}: {error.strerror}") from error
        _tell(told, f"{place}: cannot be read: {error.strerror}")
    except FAILURES as error:
        _tell(told, f"{path}: the parser failed: {tell_failure(error, parser)}")
    else:
        if not sources:
            _tell(told, f"{path}: {parser.label} has no transcript there")
        return sources, bool(sources)
    return sources, False


def _tell(told: TextIO, text: str) -> None:
    told.write(f"{printable(text)}\n")


def print_source(
    parser: Parser, source: Source, host: str, counts: Counter[str]
) -> Iterator[bytes]:
    """Give the events of a source as NDJSON. See `Show`."""
    known: set[TurnKey] = set()
    for record in parser.read(source, None):
        count_record(record, counts, known)
        for event in record.events:
            line, refusal = encode_checked(event, host)
            if refusal:
                counts[f"refused ({refusal})"] += 1
                continue
            counts["events"] += 1
            yield printable_json(line) + b"\n"


def count_record(record: Record, counts: Counter[str], known: set[TurnKey]) -> None:
    """Count a record by what became of it.

    Args:
        record: of a source.
        counts: how much there is of what.
        known: the turns of the source so far. Who has their id and revision is not archived.
    """
    counts["records"] += 1
    for event in record.events:
        if isinstance(event, TurnEvent):
            key = (event.session_id, event.turn_id, event.revision)
            counts["repeated ids"] += key in known
            known.add(key)
    counts["unmapped"] += record.unmapped
    if isinstance(record, MappedRecord) and record.failure:
        counts[f"failed ({record.failure})"] += 1
    if record.skipped:
        counts[f"skipped ({record.skipped})"] += 1


def encode_checked(event: Event, host: str) -> tuple[bytes, str]:
    """Encode an event as it would be sent.

    Args:
        event: from a parser.
        host: the name of this machine in it.

    Returns:
        Its line, and why the wire refuses it; empty if it does not.
    """
    event.host = host
    try:
        line = encode_event(event)
        check_line(line)
    except (InvalidEvent, TooLarge) as error:
        return b"", error.message
    return line, ""


def _worded(error: BaseException, parser: Parser) -> str:
    match error:
        case SourceError():
            hint = f" ({error.hint})" if error.hint else ""
            return f"cannot be read: {error.message}{hint}"
        case OSError():
            return f"cannot be read: {error.strerror or type(error).__name__}"
    return f"the parser failed: {tell_failure(error, parser)}"
