"""The parser for Factory Droid: a file of JSON lines a session, and its settings beside it.

The lines grow; the settings (model and tokens) are rewritten. Each is a source, both are of one
session.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from lethe_core import Cursor, Identity, JsonlParser, Parser, Piece, Record, SnapshotParser, Source
from lethe_core.sources import find_files
from lethe_droid.lines import map_line
from lethe_droid.settings import kept_settings, map_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lethe_core import Event, Line, Place

_LINES: Final = ".jsonl"
_SETTINGS: Final = ".settings.json"


class _Tool:
    """What the parsers of both files have in common."""

    tool: ClassVar[str] = "droid"
    label: ClassVar[str] = "Factory Droid"
    version: ClassVar[int] = 2

    def default_roots(self) -> Iterable[Path]:
        """Name the folder of sessions."""
        return [Path.home() / ".factory" / "sessions"]


class _Lines(_Tool, JsonlParser):
    """What was said."""

    def map_record(self, record: dict[str, Any], line: Line) -> Iterable[Event] | str:
        """Map one line. See `JsonlParser.map_record`."""
        return map_line(record, line)


class _Settings(_Tool, SnapshotParser):
    """The model and the tokens of a session."""

    document_type = dict[str, Any]
    suffix = _SETTINGS

    def split(self, document: dict[str, Any], source: Source) -> Iterator[Piece]:
        """Give what is archived of the settings, as one piece; the rest changes all the time."""
        del source
        yield Piece(msgspec.json.encode(kept_settings(document)))

    def map_piece(self, piece: dict[str, Any], place: Place) -> Iterable[Event] | str:
        """Map the settings."""
        return map_settings(piece, place)


class DroidParser(_Tool, Parser):
    """Reads the sessions of Factory Droid."""

    def __init__(self) -> None:
        self._lines = _Lines()
        self._settings = _Settings()

    def discover(self, root: Path) -> Iterable[Source]:
        """Find the sessions and their settings."""
        return find_files(root, lambda path: path.name.endswith((_LINES, _SETTINGS)))

    def identify(self, source: Source) -> Identity:
        """Tell what recognises a file."""
        return self._reader(source).identify(source)

    def read(self, source: Source, cursor: Cursor | None) -> Iterator[Record]:
        """Read a file. See `Parser.read`."""
        return self._reader(source).read(source, cursor)

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a session."""
        command = f"droid --resume {shlex.quote(session_id)}"
        return f"cd {shlex.quote(working_dir)} && {command}" if working_dir else command

    def _reader(self, source: Source) -> _Lines | _Settings:
        return self._settings if source.path.name.endswith(_SETTINGS) else self._lines
