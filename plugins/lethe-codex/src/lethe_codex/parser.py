"""The parser of Codex rollouts: where they lie, whose they are, and which form they have.

A rollout is a file of JSON lines; a cold one may be packed (``.jsonl.zst``), and the first versions
wrote one JSON document. All forms of a thread are one session.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Final

import msgspec

from lethe_codex.items import map_item
from lethe_codex.packed import Unpacked
from lethe_codex.records import map_meta, map_record
from lethe_codex.step import Step
from lethe_core import Cursor, Identity, JsonlParser, Parser, Piece, Record, SnapshotParser, Source
from lethe_core.mapping import clean_session_id, unix_time
from lethe_core.sources import find_files, open_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lethe_core import Event, Line, Place

_LINES: Final = ".jsonl"
_PACKED: Final = ".jsonl.zst"
_DOCUMENT: Final = ".json"
_SUFFIXES: Final = (_LINES, _PACKED, _DOCUMENT)
_ROLLOUT = re.compile(
    r"rollout-(?:\d{4}-\d\d-\d\d(?:T\d\d-\d\d-\d\d)?-)?(?P<thread>.+)\.(?:jsonl(?:\.zst)?|json)"
)


class _Tool:
    """What the parsers of all forms have in common."""

    tool: ClassVar[str] = "codex"
    label: ClassVar[str] = "Codex"
    version: ClassVar[int] = 3

    def default_roots(self) -> Iterable[Path]:
        """Name the folders of live and of archived rollouts."""
        home = Path(os.environ.get("CODEX_HOME") or "~/.codex").expanduser().absolute()
        return [home / "sessions", home / "archived_sessions"]

    def session_id(self, source: Source) -> str:
        """Name the thread: its id ends the file's name, also when the file is archived."""
        name = source.path.name
        found = _ROLLOUT.fullmatch(name)
        return clean_session_id(found["thread"] if found else name.removesuffix(source.path.suffix))


class _Lines(_Tool, JsonlParser):
    """Rollouts of JSON lines."""

    def map_record(self, record: dict[str, Any], line: Line) -> Iterable[Event] | str:
        """Map one line. See `JsonlParser.map_record`."""
        return map_record(record, Step(line, unix_time(record.get("timestamp")), line.state))


class _Packed(_Lines):
    """Rollouts of JSON lines that Codex has packed: the same lines, at the same places."""

    def open(self, source: Source) -> BinaryIO:
        """Open a file as if it were not packed."""
        return Unpacked(os.fdopen(open_source(source.path), "rb"), source.path)

    def read(self, source: Source, cursor: Cursor | None) -> Iterator[Record]:
        """Read the lines; progress is told in bytes of the packed file."""
        for record in super().read(source, cursor):
            record.position = min(record.position, source.size)
            yield record


class _Document(msgspec.Struct):
    """A rollout of the first versions."""

    items: list[msgspec.Raw]
    session: dict[str, Any] = {}


class _Documents(_Tool, SnapshotParser):
    """Rollouts in one document, which is rewritten with each item."""

    document_type = _Document

    def split(self, document: _Document, source: Source) -> Iterator[Piece]:
        """Give the items, then the head."""
        del source
        for item in document.items:
            yield Piece(item)
        yield Piece(msgspec.json.encode({"session": document.session}))

    def map_piece(self, piece: dict[str, Any], place: Place) -> Iterable[Event] | str:
        """Map one item, or the head."""
        head = piece.get("session")
        if isinstance(head, dict):
            return map_meta(head, Step(place, unix_time(head.get("timestamp")), {}))
        return map_item(piece, Step(place, unix_time(piece.get("timestamp")), {}))


class CodexParser(_Tool, Parser):
    """Reads the rollouts of the Codex command line, desktop application and editor extensions."""

    def __init__(self) -> None:
        self._lines = _Lines()
        self._packed = _Packed()
        self._documents = _Documents()

    def discover(self, root: Path) -> Iterable[Source]:
        """Find the rollouts: ``history.jsonl`` and the index repeat them."""
        return find_files(root, _is_rollout)

    def identify(self, source: Source) -> Identity:
        """Tell what recognises a rollout."""
        return self._reader(source).identify(source)

    def read(self, source: Source, cursor: Cursor | None) -> Iterator[Record]:
        """Read a rollout. See `Parser.read`."""
        return self._reader(source).read(source, cursor)

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a thread."""
        del working_dir
        return f"codex resume {session_id}"

    def _reader(self, source: Source) -> _Lines | _Documents:
        if source.path.name.endswith(_PACKED):
            return self._packed
        return self._documents if source.path.suffix == _DOCUMENT else self._lines


def _is_rollout(path: Path) -> bool:
    return path.name.startswith("rollout-") and path.name.endswith(_SUFFIXES)
