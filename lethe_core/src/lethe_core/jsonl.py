r"""Parser base for files of JSON lines that a tool appends to.

Invariants:

* A line is complete when it ends in ``\n``; an unterminated tail is never read as a record and
  never skipped: the cursor stands at its beginning until it is completed.
* Lines are split on byte 0x0A alone; U+2028 and its like belong to the text.
* The cursor is ``j1:OFFSET:LENGTH:SIZE:HASH``: the offset after the last line read, the length of
  that line, and a hash of the SIZE bytes before the offset (the *anchor*, up to 1 KiB) and, where
  the line reaches beyond them, of its first 256 bytes. If they no longer stand there, the file was
  truncated, rewritten or replaced, and `SourceReplaced` is raised.
* A parser may keep a small `Line.state` from line to line. While there is any, the cursor begins
  with ``j2`` and ends in ``:STATE``, the state as JSON, so that reading on knows what came before.
* A complete line that cannot be mapped gives one `unmapped` system turn and costs only itself.
  If a process died in the middle of a line and the next record was written behind it, that
  record is delivered as well.
* At most one line of at most `MAX_LINE_BYTES` and one block of 1 MiB are in memory, beside what the
  line before them gave; a longer line is hashed as it is read.

The place of a turn in its session, `seq`, is the byte offset of its line plus the index of the
turn in the line (a line has more bytes than turns), plus `generation * 2**42`: what a replaced
file holds comes after what its predecessor held.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Final

import msgspec

from lethe_core.decoding import DECODING_ERRORS, decode_tolerantly, describe
from lethe_core.errors import PluginError, SourceReplaced
from lethe_core.limits import MAX_LINE_BYTES, MAX_UNMAPPED_RAW_BYTES, MIB
from lethe_core.mapping import clean_session_id
from lethe_core.origins import Origin
from lethe_core.outcomes import (
    FAILURES,
    MappedRecord,
    Outcome,
    describe_failure,
    take,
    tell_failure,
)
from lethe_core.parser import Parser, unmapped_turn
from lethe_core.sources import Cursor, Record, Source, find_files, open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from lethe_core.events import Event

_BLOCK_BYTES: Final = MIB
_ANCHOR_BYTES: Final = 1024
_OPENING_BYTES: Final = 256
_BOM: Final = b"\xef\xbb\xbf"
_TORN_ATTEMPTS: Final = 32
_CURSOR = re.compile(
    r"j[12]:(?P<offset>[0-9]{1,15}):(?P<length>[0-9]{1,15}):(?P<size>[0-9]{1,4}):[0-9a-f]+"
    r"(?::(?P<state>\{.*\}))?"
)


@dataclass(slots=True)
class Line(Origin):
    """Where a record stands in a file, and short cuts to make events of it.

    Args:
        start: offset of the record's first byte.
        end: offset after its line.
        raw: its bytes, without the line's end.
        context: what `JsonlParser.open_context` returned for this read.
        state: what the lines before told, such as the model that answers; `map_record` reads and
            changes it. It travels in each cursor: JSON values alone, and few and short ones.
    """

    start: int
    end: int
    raw: bytes
    context: Any = None
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def seq(self) -> int:
        """The place of the record's first turn in its session."""
        return self.source.first_seq + self.start

    @property
    def revision(self) -> int:
        """The revision of the record's turns: that of the source."""
        return self.source.revision

    def hashed_id(self, index: int = 0) -> str:
        """Identify a turn whose tool gave it no id: a hash of the record and its offset.

        A record that stands in a rewritten file where it stood before is the same turn.
        """
        digest = hashlib.blake2b(self.raw, digest_size=12)
        digest.update(f"@{self.start}+{index}".encode())
        return digest.hexdigest()


class JsonlParser(Parser):
    """Reads files of JSON lines; a subclass maps one record at a time.

    Attributes:
        record_type: what a line is decoded to: `dict`, or a `msgspec.Struct` with the needed
            fields alone, which is several times faster.
        suffix: the ending of file names that `discover` looks for.
    """

    record_type: ClassVar[Any] = dict[str, Any]
    suffix: ClassVar[str] = ".jsonl"

    def __init__(self) -> None:
        """Make the decoder once; it is costly to build and cheap to use."""
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(self.record_type).decode

    @abstractmethod
    def map_record(self, record: Any, line: Line) -> Iterable[Event] | str:
        """Map one record to its events.

        Whatever it raises makes the line an `unmapped` turn that names the error.

        Args:
            record: the decoded line, of `record_type`.
            line: where it stands; makes events with the right session, place and version.

        Returns:
            The events in order, or, for a record that is no turn, a word that says what it is.
        """

    def accepts(self, path: Path) -> bool:
        """Say by its path alone whether a file with the right suffix is a transcript."""
        del path
        return True

    def session_id(self, source: Source) -> str:
        """Name the session of a source: the file's name without its suffix."""
        return clean_session_id(source.path.name.removesuffix(self.suffix))

    def open_context(self, source: Source) -> Any:
        """Prepare what `map_record` needs of the source beside its lines, once per read."""
        del source

    def discover(self, root: Path) -> Iterable[Source]:
        """Find all accepted files below a root. Symbolic links are not followed into directories.

        Raises:
            OSError: the root cannot be listed.
        """
        return find_files(root, lambda path: path.name.endswith(self.suffix) and self.accepts(path))

    def open(self, source: Source) -> BinaryIO:
        """Open a source to be read and moved about in; a subclass may unpack it.

        Raises:
            SourceError: it cannot be unpacked.
            OSError: it cannot be opened.
        """
        return os.fdopen(open_source(source.path), "rb", buffering=0)

    def read(self, source: Source, cursor: Cursor | None) -> Iterator[Record]:
        """Read the complete lines after a cursor. See `Parser.read`."""
        with self.open(source) as file:
            offset, state = _resume(file, source, cursor)
            encoded = _encode_state(state)
            session_id = self.session_id(source)
            context = self.open_context(source)
            for raw in _complete_lines(file, offset):
                line = Line(self, source, session_id, raw.start, raw.end, raw.data, context, state)
                mapped = self._map(line) if not raw.digest else self._too_large(line, raw.digest)
                try:
                    encoded = _encode_state(state)
                except FAILURES as error:  # P9: it would fail again with each line to come
                    mapped = self._failed(
                        line, PluginError(f"`line.state` is no JSON: {type(error).__name__}")
                    )
                    state = _decode_state(encoded)
                yield _LineRecord(
                    events=mapped.events,
                    position=raw.end,
                    skipped=mapped.skipped,
                    unmapped=mapped.unmapped,
                    failure=mapped.failure,
                    raw=raw,
                    state=encoded,
                )

    # One line ------------------------------------------------------------------------------

    def _map(self, line: Line) -> Outcome:
        data = line.raw.rstrip(b" \t\r")
        stripped = data.lstrip(b" \t") if line.start else data.removeprefix(_BOM).lstrip(b" \t")
        line.start += len(data) - len(stripped)
        line.raw = stripped
        if not stripped:
            return Outcome(skipped="empty line")
        try:
            record = self._decode(stripped)
        except DECODING_ERRORS:
            try:
                record, damaged = decode_tolerantly(stripped, self._decode, kind=dict)
            except (ValueError, RecursionError) as error:
                return self._map_torn(line, error)
            return self._map_decoded(record, line, damaged=damaged)
        return self._map_decoded(record, line, damaged=False)

    def _map_decoded(self, record: Any, line: Line, *, damaged: bool) -> Outcome:
        try:
            return take(self.map_record(record, line), "map_record", damaged=damaged)
        except FAILURES as error:  # P9: a bad record costs only itself
            return self._failed(line, error)

    def _map_torn(self, line: Line, error: ValueError | RecursionError) -> Outcome:
        """Map a line that is no record; a record written behind a torn one is delivered too.

        If nothing but the newline of the first record is missing, both are delivered.
        """
        code, reason = describe(error, "line")
        for place in _record_starts(line.raw, error):
            try:
                record, damaged = decode_tolerantly(line.raw[place:], self._decode, kind=dict)
            except (ValueError, RecursionError):
                continue
            torn = replace(line, raw=line.raw[:place], end=line.start + place)
            rest = replace(line, raw=line.raw[place:], start=line.start + place)
            try:
                whole, spoilt = decode_tolerantly(torn.raw, self._decode, kind=dict)
            except (ValueError, RecursionError):
                first = self._unmapped(torn, code, reason)
            else:
                first = self._map_decoded(whole, torn, damaged=spoilt)
            second = self._map_decoded(record, rest, damaged=damaged)
            skipped = "" if first.events or second.events else second.skipped
            return Outcome(
                (*first.events, *second.events),
                skipped,
                first.unmapped or second.unmapped,
                first.failure or second.failure,
            )
        return self._unmapped(line, code, reason)

    def _too_large(self, line: Line, digest: str) -> Outcome:
        size = line.end - line.start
        reason = f"the line has {size} bytes, at most {MAX_LINE_BYTES} are read"
        return self._unmapped(line, "TOO_LARGE", reason, sha256=digest)

    def _failed(self, line: Line, error: BaseException) -> Outcome:
        outcome = self._unmapped(line, "UNMAPPABLE", describe_failure(error))
        outcome.failure = tell_failure(error, self)
        return outcome

    def _unmapped(self, line: Line, code: str, reason: str, sha256: str = "") -> Outcome:
        turn = unmapped_turn(
            self,
            session_id=line.session_id,
            seq=line.seq,
            raw=line.raw,
            start=line.start,
            end=line.end,
            code=code,
            reason=reason,
            sha256=sha256,
            places=max(1, line.end - line.start),
            revision=line.source.revision,
            source_file=line.source.path,
        )
        return Outcome((turn,), unmapped=True)


class _RawLine(msgspec.Struct, gc=False):
    """One complete line: `data` without its end, `anchor` the last bytes of the file up to its end.

    An anchor reaches beyond a short line, which alone may well stand at the same place again when
    the file has been rewritten before it. Of a long line it is the end alone, which many lines may
    have in common: its opening, with what tells it from others, belongs to the cursor as well.

    Of a line that is too long, `data` is the beginning and `digest` the SHA-256 of the whole.
    """

    start: int
    end: int
    data: bytes
    anchor: bytes
    digest: str = ""


@dataclass(slots=True, kw_only=True)
class _LineRecord(MappedRecord):
    """The record of a line; its cursor is made when it is asked for.

    A cursor costs as much as to read the line, and of a thousand lines in a row, only that of the
    last one is kept.
    """

    cursor: Cursor = field(init=False)
    raw: _RawLine
    state: str

    def __getattr__(self, name: str) -> Cursor:
        """Give what is not there yet: the cursor alone."""
        if name != "cursor":
            raise AttributeError(name)
        raw = self.raw
        self.cursor = _make_cursor(raw.end, raw.end - raw.start, raw.data, raw.anchor, self.state)
        return self.cursor


def _complete_lines(file: BinaryIO, offset: int) -> Iterator[_RawLine]:
    """Read the lines that end in a newline, from an offset on.

    A line is put together when its end is found, so that what it is made of is held twice for that
    moment alone, and not while it is mapped (P10).
    """
    before = _read_before(file, offset, min(offset, _ANCHOR_BYTES))  # what the block follows
    begun: list[bytes] = []  # the line that is not complete yet, block by block
    start = offset  # of that line
    while block := file.read(_BLOCK_BYTES):
        place = 0
        while (newline := block.find(b"\n", place)) >= 0:
            end = newline + 1
            anchor = block[max(0, end - _ANCHOR_BYTES) : end]
            if end < _ANCHOR_BYTES:
                anchor = (before + anchor)[-_ANCHOR_BYTES:]
            data = _complete(begun, block[place:newline]) if begun else block[place:newline]
            yield _RawLine(start, offset + end, data, anchor)
            place, start = end, offset + end
        if place < len(block):
            begun.append(block[place:])
        before = (before + block[-_ANCHOR_BYTES:])[-_ANCHOR_BYTES:]
        offset += len(block)
        if offset - start > MAX_LINE_BYTES:
            line = _oversize_line(file, start, begun, before)
            if line is None:
                return
            yield line
            start = offset = line.end
            before = line.anchor
            file.seek(offset)


def _complete(begun: list[bytes], end: bytes) -> bytes:
    """Put a line together, and let go of what it is made of."""
    begun.append(end)
    data = b"".join(begun)
    begun.clear()
    return data


def _oversize_line(
    file: BinaryIO, start: int, begun: list[bytes], anchor: bytes
) -> _RawLine | None:
    """Read a line that is too long to be held to its end; `None` if it has none yet.

    Args:
        file: stands behind what was read of the line.
        start: of the line.
        begun: what was read of it, which is let go of.
        anchor: the last bytes before the place where the file stands.
    """
    digest = hashlib.sha256()
    head = b""
    end = start
    for block in begun:
        digest.update(block)
        head += block[: MAX_UNMAPPED_RAW_BYTES - len(head)]
        end += len(block)
    begun.clear()
    while block := file.read(_BLOCK_BYTES):
        newline = block.find(b"\n")
        piece = block if newline < 0 else block[: newline + 1]
        end += len(piece)
        anchor = (anchor + piece[-_ANCHOR_BYTES:])[-_ANCHOR_BYTES:]
        if newline < 0:
            digest.update(piece)
            continue
        digest.update(piece[:-1])
        return _RawLine(start, end, head, anchor, digest.hexdigest())
    return None


def _encode_state(state: dict[str, Any]) -> str:
    return msgspec.json.encode(state).decode() if state else ""


def _decode_state(encoded: str) -> dict[str, Any]:
    return msgspec.json.decode(encoded or "{}", type=dict[str, Any])


def _make_cursor(offset: int, length: int, line: bytes, anchor: bytes, state: str) -> Cursor:
    """Make the cursor after a line.

    Args:
        offset: behind the line.
        length: of the line with its end, in bytes.
        line: its beginning.
        anchor: the bytes before the offset.
        state: of the parser, encoded; empty for none.
    """
    digest = hashlib.blake2b(anchor, digest_size=8)
    if length > len(anchor):
        digest.update(line[:_OPENING_BYTES])
    place = f"{offset}:{length}:{len(anchor)}:{digest.hexdigest()}"
    if not state:
        return Cursor(f"j1:{place}")
    return Cursor(f"j2:{place}:{state}")


def _read_before(file: BinaryIO, offset: int, size: int) -> bytes:
    """Read the bytes before an offset, and stand there."""
    file.seek(max(0, offset - size))
    return file.read(size)


def _resume(file: BinaryIO, source: Source, cursor: Cursor | None) -> tuple[int, dict[str, Any]]:
    """Return the offset and the state of a cursor, after having checked its anchor.

    Raises:
        SourceReplaced: the cursor was not made for this file.
    """
    if cursor is None:
        return 0, {}
    fields = _CURSOR.fullmatch(cursor)
    if fields is None:
        raise SourceReplaced(f"{source.path} was read by another kind of parser")
    offset, length, size = int(fields["offset"]), int(fields["length"]), int(fields["size"])
    try:
        state = _decode_state(fields["state"])
    except msgspec.DecodeError as error:
        raise SourceReplaced(f"the cursor of {source.path} is damaged") from error
    file.seek(max(0, offset - length))
    opening = file.read(_OPENING_BYTES)
    anchor = _read_before(file, offset, size)
    if _make_cursor(offset, length, opening, anchor, _encode_state(state)) != cursor:
        raise SourceReplaced(f"{source.path} was truncated, rewritten or replaced before {offset}")
    return offset, state


def _record_starts(data: bytes, error: ValueError | RecursionError) -> Iterator[int]:
    """Guess where a second record begins in a line: near the place where decoding failed.

    If the first record was torn inside a string, the opening ``{"`` of the second one ends that
    string, so that it stands just before the failure; the next ones are tried, too.
    """
    if not isinstance(error, json.JSONDecodeError):
        return
    failed = len(error.doc[: error.pos].encode("utf-8", "surrogatepass"))
    place = failed + 1
    for _ in range(_TORN_ATTEMPTS):
        place = data.rfind(b'{"', 0, place + 1)
        if place <= 0:
            break
        yield place
        place -= 1
    place = failed
    for _ in range(_TORN_ATTEMPTS):
        place = data.find(b'{"', place + 1)
        if place < 0:
            return
        yield place
