"""The parser for opencode: a database since 1.2, files before that, and often both.

What stands in both gives the same turns (see `lethe_opencode.turns`), so that nothing is doubled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lethe_core import Cursor, Identity, Parser, Record, Source
from lethe_opencode.database import DatabaseParser
from lethe_opencode.places import Tool
from lethe_opencode.tree import TreeParser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_FILE: Final = ".json"


class OpencodeParser(Tool, Parser):
    """Reads what all versions of opencode since 0.6 have written."""

    def __init__(self) -> None:
        """Make the parsers of both forms."""
        self._database = DatabaseParser()
        self._tree = TreeParser()

    def discover(self, root: Path) -> Iterable[Source]:
        """Find the databases and the files of sessions below a root."""
        if root.is_file():
            yield from self._parser(root).discover(root)
            return
        yield from self._database.discover(root)
        yield from self._tree.discover(root)

    def identify(self, source: Source) -> Identity:
        """Recognise a database by its inode, a session's files by their path."""
        return self._parser(source.path).identify(source)

    def read(self, source: Source, cursor: Cursor | None) -> Iterator[Record]:
        """Read the new and changed messages. See `Parser.read`."""
        return self._parser(source.path).read(source, cursor)

    def _parser(self, path: Path) -> DatabaseParser | TreeParser:
        return self._tree if path.suffix == _FILE else self._database
