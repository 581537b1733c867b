"""`parse`: what a parser makes of a file, without a state and without a server."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, BinaryIO, TextIO

from lethe_core.errors import InvalidEvent, LetheError, SourceError, SourceUnreadable, TooLarge
from lethe_core.wire import decode_line, encode_event

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_core.parser import Parser
    from lethe_core.sources import Source


def print_events(parser: Parser, path: Path, host: str, out: BinaryIO, told: TextIO) -> bool:
    """Print the events of all sources below a path as NDJSON.

    Args:
        parser: reads them.
        path: a source, or a directory.
        host: the name of this machine in the events.
        out: gets the events.
        told: gets a line about each source.

    Returns:
        Whether there was a source, and each could be read.

    Raises:
        SourceUnreadable: the path cannot be listed.
    """
    try:
        sources = list(parser.discover(path))
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}") from error
    is_well = bool(sources)
    if not sources:
        told.write(f"{path}: {parser.label} has no transcript there\n")
    for source in sources:
        try:
            told.write(f"{source.path}: {_print_source(parser, source, host, out)}\n")
        except (SourceError, OSError) as error:
            is_well = False
            text = error.message if isinstance(error, LetheError) else error.strerror
            told.write(f"{source.path}: cannot be read: {text}\n")
    out.flush()
    return is_well


def _print_source(parser: Parser, source: Source, host: str, out: BinaryIO) -> str:
    counts: Counter[str] = Counter()
    for record in parser.read(source, None):
        counts["records"] += 1
        counts["unmapped"] += record.unmapped
        if record.skipped:
            counts[f"skipped ({record.skipped})"] += 1
        for event in record.events:
            event.host = host
            try:
                line = encode_event(event)
                decode_line(line)
            except (InvalidEvent, TooLarge) as error:
                counts[f"refused ({error.message})"] += 1
                continue
            counts["events"] += 1
            out.write(line + b"\n")
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "empty"
