"""`parse --explain`: what became of each record of a source, and why.

Below the path of a source, each record has a line with its number and its place, and each of its
events one below that::

    #2 112-240
        turn     assistant answer m2 at 112: I look.
    #3 240-255
        skipped  record saved
    #4 255-301
        failed   KeyError: 'text' (/home/dev/lethe_acme/__init__.py:37 in map_record)
        unmapped UNMAPPABLE: the parser failed with KeyError: 'text'

Places are bytes of a file of JSON lines; of other sources they tell how far the reading was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_collector.parsing import count_record, encode_checked
from lethe_core.events import SessionEvent, TurnEvent
from lethe_core.jsonl import JsonlParser
from lethe_core.outcomes import MappedRecord
from lethe_core.terminal import printable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from lethe_collector.parsing import TurnKey
    from lethe_core.events import Event, SessionMeta
    from lethe_core.parser import Parser
    from lethe_core.sources import Source

_MOST_TEXT: Final = 60


def explain_source(
    parser: Parser, source: Source, host: str, counts: Counter[str]
) -> Iterator[bytes]:
    """Give lines that say what became of each record of a source.

    Args:
        parser: reads it.
        source: what is read.
        host: the name of this machine in the events.
        counts: gets how much there is of what.
    """
    known: set[TurnKey] = set()
    position = 0
    yield f"{printable(str(source.path))}\n".encode()
    for number, record in enumerate(parser.read(source, None), 1):
        count_record(record, counts, known)
        lines = [f"#{number} {position}-{record.position}"]
        position = record.position
        if isinstance(record, MappedRecord) and record.failure:
            lines.append(_line("failed", record.failure))
        if record.skipped:
            lines.append(_line("skipped", record.skipped))
        for event in record.events:
            what, text = _explain(event, host)
            counts["refused" if what == "refused" else "events"] += 1
            lines.append(_line(what, text))
        yield "".join(f"{line}\n" for line in lines).encode()
    waiting = source.size - position
    if isinstance(parser, JsonlParser) and waiting > 0:
        text = f"{waiting} bytes at the end are no whole record yet"
        yield f"{_line('waiting', text)}\n".encode()


def _line(what: str, text: str) -> str:
    return f"    {what:<8} {text}"


def _explain(event: Event, host: str) -> tuple[str, str]:
    _, refusal = encode_checked(event, host)
    if refusal:
        return "refused", refusal
    if isinstance(event, SessionEvent):
        return "session", f"{event.session_id} at {event.seq}: {_said(event.session_meta)}"
    unmapped = event.metadata.get("unmapped")
    if unmapped:
        return "unmapped", f"{unmapped['code']}: {unmapped['reason']}"
    return "turn", _turn(event)


def _turn(turn: TurnEvent) -> str:
    kind = turn.metadata.get("kind", "of no kind")
    parts = [f"{turn.role} {kind} {turn.turn_id} at {turn.seq}"]
    if turn.revision:
        parts.append(f"revision {turn.revision}")
    if turn.usage:
        parts.append(f"usage {turn.usage.key}")
    if turn.session_meta:
        parts.append(_said(turn.session_meta))
    text = turn.content or next((call.output or call.name for call in turn.tool_calls), "")
    return f"{', '.join(filter(None, parts))}: {_shortened(text)}"


def _said(meta: SessionMeta) -> str:
    """Name what is said of the session; a title as it is, with where it comes from."""
    said = [f"title {_shortened(meta.title)!r} ({meta.title_source})"] if meta.title else []
    fields: dict[str, Any] = {name: getattr(meta, name) for name in meta.__struct_fields__}
    said += [name for name, value in fields.items() if value and not name.startswith("title")]
    return ", ".join(said)


def _shortened(text: str) -> str:
    """Make one short line of a text that cannot move the cursor of a terminal."""
    line = printable(" ".join(text[: 4 * _MOST_TEXT].split()))
    return line if len(line) <= _MOST_TEXT else f"{line[: _MOST_TEXT - 1]}…"
