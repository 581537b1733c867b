"""Discovery: from the places of a tool to the sources that must be looked at.

A scan costs a `stat` for each source and opens nothing that has not changed. What is compared is
size, time of modification, device and inode; what differs is offered for reading, and only the
parser, at its cursor's anchor, decides whether it is still the same source (P8).

A path that was never seen may be a known source that was moved: if the known one is gone from its
path, has the same file name and the same beginning, the cursor goes with it. A copy is a new
source, because the original is still there.

Some tools delete transcripts that have not changed for long. What has not been read of such a one
and will be deleted within `ENDANGERED_SECONDS` is told apart, so that it is read first.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lethe_collector.source_table import KnownSource
from lethe_core.errors import PluginError
from lethe_core.sources import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lethe_collector.source_table import SourceState, SourceTable
    from lethe_core.parser import Parser
    from lethe_core.sources import Source


#: So long before a tool deletes a transcript, it counts as endangered.
ENDANGERED_SECONDS: Final = 2 * 86400.0


@dataclass(slots=True, kw_only=True)
class RootReport:
    """What became of one place.

    Args:
        path: where it is.
        exists: whether it is there.
        error: why it cannot be listed; empty if it can.
    """

    path: str
    exists: bool = True
    error: str = ""


@dataclass(slots=True, kw_only=True)
class Scan:
    """What a scan found.

    Args:
        found: row and source of each source that must be looked at.
        roots: what became of each place.
        files: how many sources are there.
        gone: how many have vanished since the last scan.
        lost_bytes: how much of these had not been read.
        doomed: of sources that must be looked at and that their tool will soon delete, by row,
            the Unix time when it does.
    """

    found: list[tuple[int, Source]] = field(default_factory=list)
    roots: list[RootReport] = field(default_factory=list)
    files: int = 0
    gone: int = 0
    lost_bytes: int = 0
    doomed: dict[int, float] = field(default_factory=dict)


def roots_of(parser: Parser, configured: Sequence[Path] | None) -> list[Path]:
    """Return the places of a tool to look at, as absolute paths: sources are known by these.

    Args:
        parser: of the tool.
        configured: the places that the configuration names, perhaps none; `None` if it does not
            name the tool, whose parser knows where it writes.

    Raises:
        PluginError: the parser names a place that depends on the working directory.
        Exception: whatever the plugin raises.
    """
    roots = map(_checked, parser.default_roots()) if configured is None else configured
    return [Path(os.path.abspath(root)) for root in roots]  # noqa: PTH100 - keeps symlinks


def find_sources(parser: Parser, root: Path) -> Iterator[Source]:
    """Find the sources at a place, one after the other; none if it is not there.

    Args:
        parser: of the tool.
        root: the place.

    Raises:
        OSError: the place, or a directory below it, cannot be listed.
        Exception: whatever the plugin raises.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        yield from parser.discover(root)


def _checked(root: object) -> Path:
    if isinstance(root, Path) and root.is_absolute():
        return root
    raise PluginError(f"`default_roots` gave {str(root)!r}, which is no absolute Path")


class Discovery:
    """The sources of one tool. Scans run in one thread at a time; notes may come from another.

    Args:
        parser: of the tool.
        roots: the places to look at; `None` for those that the parser names.
        table: remembers the sources.
        outbox_is_full: asked when sources vanish.
        clock: Unix seconds, for what will be deleted; what is archived does not depend on it.
    """

    def __init__(
        self,
        parser: Parser,
        roots: Sequence[Path] | None,
        table: SourceTable,
        outbox_is_full: Callable[[], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._parser = parser
        self._configured = roots
        self._table = table
        self._outbox_is_full = outbox_is_full
        self._known = table.known(parser.tool)

    def roots(self) -> list[Path]:
        """Return the places to look at; see `roots_of`."""
        return roots_of(self._parser, self._configured)

    # Looking -------------------------------------------------------------------------------

    def scan(self) -> Scan:
        """Look at all places.

        Raises:
            Exception: whatever the plugin raises; nothing is concluded then.
        """
        scan = Scan()
        present: set[str] = set()
        sources: list[Source] = []
        ends: dict[str, float] = {}
        for root in self.roots():
            report = RootReport(path=str(root))
            scan.roots.append(report)
            kept = self._parser.deletes_after(root)
            try:
                for source in self._parser.discover(root):
                    path = str(source.path)
                    if path not in present:  # places may overlap
                        present.add(path)
                        if self._must_look(path, source):
                            sources.append(source)
                            if kept is not None:
                                ends[path] = source.mtime_ns / 1e9 + kept
            except (FileNotFoundError, NotADirectoryError):
                report.exists = False
            except OSError as error:
                report.error = _word(error, root)
        scan.files = len(present)
        scan.found = self._enter(sources)
        soon = self._clock() + ENDANGERED_SECONDS
        scan.doomed = {
            row_id: end
            for row_id, source in scan.found
            if (end := ends.get(str(source.path), soon)) < soon
        }
        self._look_for_gone(scan, present)
        return scan

    def probe(self, paths: Iterable[str]) -> Scan | None:
        """Look at single sources whose files have changed.

        Args:
            paths: files that were reported as changed.

        Returns:
            What was found; `None` if it takes a scan to know.

        Raises:
            Exception: whatever the plugin raises.
        """
        targets = {self._source_of(path) for path in paths}
        sources: list[Source] = []
        roots = self.roots()
        for target in targets:
            root = next((root for root in roots if target and _is_below(target, str(root))), None)
            if target is None or root is None:
                return None
            try:
                sources += [
                    replace(source, root=root) for source in self._parser.discover(Path(target))
                ]
            except OSError:
                return None
        return Scan(found=self._enter([s for s in sources if self._must_look(str(s.path), s)]))

    # Notes ---------------------------------------------------------------------------------

    def note_read(self, source_id: int, source: Source) -> None:
        """Note that a source was read to its end as it was then."""
        known = self._known.get(str(source.path))
        if known is not None and known.id == source_id:  # else it was moved meanwhile
            self._known[str(source.path)] = KnownSource.of(
                source_id, source, self._parser.version, was_read=True
            )

    def note_state(self, source: Source, state: SourceState) -> None:
        """Note that a source cannot be read; it is offered again by each scan."""
        known = self._known.get(str(source.path))
        if known is not None:
            self._known[str(source.path)] = replace(known, state=state)

    def reload(self) -> None:
        """Read the table again, after sources were set back."""
        self._known = self._table.known(self._parser.tool)

    # Inside --------------------------------------------------------------------------------

    def _must_look(self, path: str, source: Source) -> bool:
        known = self._known.get(path)
        return known is None or not known.is_unchanged(source, self._parser.version)

    def _source_of(self, path: str) -> str | None:
        """Find the source that a file belongs to: itself, or a database beside its log."""
        if path in self._known:
            return path
        stem, dash, _ = path.rpartition("-")
        return stem if dash and stem in self._known else None

    def _enter(self, sources: Sequence[Source]) -> list[tuple[int, Source]]:
        """Remember sources as they are now; return them with their rows."""
        found: list[tuple[int, Source]] = []
        changed: list[tuple[int, Source]] = []
        new: list[Source] = []
        is_first = not self._known
        for source in sources:
            known = self._known.get(str(source.path))
            if known is not None:
                found.append((known.id, source))
                if not known.was_seen(source):
                    changed.append((known.id, source))
            elif not is_first and (moved := self._moved_from(source)) is not None:
                row_id, old_path = moved
                self._known[str(source.path)] = self._known.pop(old_path)
                found.append((row_id, source))
                changed.append((row_id, source))
            else:
                new.append(source)
        self._table.update(changed)
        for row_id, source in changed:
            old = self._known[str(source.path)]
            self._known[str(source.path)] = old.seen_as(row_id, source)
        ids = self._table.add(self._parser.tool, self._parser.version, new)
        for row_id, source in zip(ids, new, strict=True):
            self._known[str(source.path)] = KnownSource.of(row_id, source, self._parser.version)
            found.append((row_id, source))
        return found

    def _moved_from(self, source: Source) -> tuple[int, str] | None:
        """Find the known source that a new path is the new place of."""
        candidates = [
            (row_id, path)
            for row_id, path, identity in self._table.named(self._parser.tool, source.path.name)
            if path in self._known
            and _has_vanished(path)
            and _has_same_beginning(source.path, identity)
        ]
        return candidates[0] if len(candidates) == 1 else None

    def _look_for_gone(self, scan: Scan, present: set[str]) -> None:
        roots = [report.path for report in scan.roots]
        gone = [
            path
            for path, known in self._known.items()
            if known.state != "gone"
            and path not in present
            and any(_is_below(path, root) for root in roots)
            and _has_vanished(path)
        ]
        if gone:
            ids = [self._known[path].id for path in gone]
            scan.lost_bytes = self._table.mark_gone(ids, outbox_full=self._outbox_is_full())
            scan.gone = len(gone)
            for path in gone:
                self._known[path] = replace(self._known[path], state="gone")


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _has_vanished(path: str) -> bool:
    """Tell whether there is nothing at a path; a path that cannot be looked at proves nothing."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _word(error: OSError, root: Path) -> str:
    """Say why a place cannot be listed, and which directory below it is meant."""
    reason = error.strerror or type(error).__name__
    place = os.fsdecode(error.filename or "")
    return f"{place}: {reason}" if _is_below(place, str(root)) and place != str(root) else reason


def _has_same_beginning(path: Path, identity: Identity) -> bool:
    if not identity.head_size:
        return False
    try:
        found = Identity.of_file(path, identity.head_size)
    except OSError:
        return False
    return (found.head_size, found.head_hash) == (identity.head_size, identity.head_hash)
