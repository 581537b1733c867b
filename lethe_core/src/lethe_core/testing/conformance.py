"""What every parser must do, whatever form its sources have; a class to subclass.

Each test is one sentence of the contract in `lethe_core.parser`. The samples are copied into a
new directory for each test, so that a test may do to them what it likes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tracemalloc
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from lethe_core.errors import LetheError, SourceError, SourceReplaced
from lethe_core.events import TurnEvent
from lethe_core.limits import MIB, NAME_PATTERN, SESSION_ID_PATTERN
from lethe_core.parser import API_VERSION, Parser
from lethe_core.sources import Cursor, Source
from lethe_core.testing.access import AccessRecorder
from lethe_core.testing.damage import damaged_copies
from lethe_core.testing.reading import read_events, read_records, wire_lines
from lethe_core.wire import decode_line, encode_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_core.events import Event
    from lethe_core.sources import Record

_MOST_CURSORS: Final = 100
_HOST: Final = "conformance"


class ParserConformance:
    """Checks that a parser keeps its contract on some sample sources.

    Attributes:
        parser_type: the parser; it is made without arguments, else override `make_parser`.
        samples: a directory as the tool would write it: what `discover` is given as its root.
        damaged_copies: how many damaged copies of each sample are read.
        tolerated: what `read` may raise when a source is damaged as a whole.
    """

    parser_type: ClassVar[type[Parser]]
    samples: ClassVar[Path]
    damaged_copies: ClassVar[int] = 12
    tolerated: ClassVar[tuple[type[LetheError], ...]] = (SourceError,)

    # What a subclass may replace ------------------------------------------------------------

    def make_parser(self) -> Parser:
        """Make a parser; called often, since a parser must remember nothing."""
        return self.parser_type()

    def write_samples(self, root: Path) -> None:
        """Write the sample sources into an empty directory; by default, copy `samples`."""
        shutil.copytree(self.samples, root, dirs_exist_ok=True)

    def grow(self, root: Path, size: int) -> Source | None:
        """Make a source of about so many bytes in an empty directory, for the memory test.

        Returns:
            The source; `None` if the parser is for sources that never grow large.
        """
        del root, size
        return None

    # What the tests are made of -------------------------------------------------------------

    def sources(self, tmp_path: Path) -> list[Source]:
        """Write the samples and discover them, in the order of their paths."""
        root = tmp_path / "root"
        root.mkdir()
        self.write_samples(root)
        found = sorted(self.make_parser().discover(root), key=lambda source: source.path)
        assert found, f"discover finds no source in the samples ({self.samples})"
        return found

    def read_all(self, source: Source) -> list[Record]:
        """Read a source from its beginning with a new parser."""
        return read_records(self.make_parser(), source)

    # The tests ------------------------------------------------------------------------------

    def test_parser_is_named(self) -> None:
        """Tool, label, version and API version are set and valid."""
        parser = self.make_parser()
        assert re.match(NAME_PATTERN, parser.tool), f"tool {parser.tool!r} is no valid name"
        assert parser.label.strip(), "label is empty"
        assert isinstance(parser.version, int), "version is a whole number"
        assert parser.version >= 1, "version starts at 1"
        assert parser.api[0] == API_VERSION[0], f"api {parser.api} is not that of lethe_core"

    def test_default_roots_are_absolute(self) -> None:
        """`default_roots` names absolute paths, which need not exist."""
        roots = list(self.make_parser().default_roots())
        assert roots, "default_roots names no place"
        for root in roots:
            assert isinstance(root, Path), f"{root!r} is no Path"
            assert root.is_absolute(), f"{root} is not absolute"

    def test_discover_describes_each_source_once(self, tmp_path: Path) -> None:
        """Each source is found once, below its root, with the size it has."""
        found = self.sources(tmp_path)
        paths = [source.path for source in found]
        assert len(set(paths)) == len(paths), "a source is found twice"
        for source in found:
            assert source.path.is_relative_to(source.root), f"{source.path} is not below its root"
            assert source.size > 0 or source.path.stat().st_size == 0, f"{source.path} has a size"
            assert source.generation == 0, "the generation is set by the collector"

    def test_discover_takes_a_single_source(self, tmp_path: Path) -> None:
        """A source that is given itself as the root is found."""
        for source in self.sources(tmp_path):
            again = list(self.make_parser().discover(source.path))
            assert [source.path] == [one.path for one in again], f"{source.path} as a root"

    def test_discover_opens_nothing(self, tmp_path: Path) -> None:
        """`discover` looks at files by `stat` alone."""
        root = self.sources(tmp_path)[0].root
        parser = self.make_parser()
        with AccessRecorder(root) as access:
            list(parser.discover(root))
        assert access.opened == [], "discover opened files"

    def test_discover_refuses_a_missing_root(self, tmp_path: Path) -> None:
        """A root that cannot be listed is an `OSError`, never an empty answer."""
        try:
            found = list(self.make_parser().discover(tmp_path / "missing"))
        except OSError:
            return
        raise AssertionError(f"discover gave {found} for a missing root")

    def test_samples_have_turns(self, tmp_path: Path) -> None:
        """The samples are worth their name: there are turns, and none of them is unmapped."""
        records = [record for source in self.sources(tmp_path) for record in self.read_all(source)]
        turns = [e for record in records for e in record.events if isinstance(e, TurnEvent)]
        assert turns, "no sample has a turn"
        unmapped = [turn.metadata for turn in turns if turn.metadata.get("kind") == "unmapped"]
        assert not unmapped, f"unmapped: {unmapped[:3]}"

    def test_read_is_lazy(self, tmp_path: Path) -> None:
        """`read` returns an iterator, and leaving it early leaves nothing open."""
        for source in self.sources(tmp_path):
            records = self.make_parser().read(source, None)
            assert iter(records) is records, "read must return an iterator"
            next(records, None)
            getattr(records, "close", lambda: None)()
            assert AccessRecorder(source.root).held() == [], "a file is still open"

    def test_reading_twice_gives_the_same(self, tmp_path: Path) -> None:
        """The same bytes give the same records."""
        for source in self.sources(tmp_path):
            expected = [_outline(record) for record in self.read_all(source)]
            actual = [_outline(record) for record in self.read_all(source)]
            _assert_same(expected, actual, f"{source.path.name} read again")

    def test_one_parser_reads_sources_in_turns(self, tmp_path: Path) -> None:
        """A parser remembers nothing: interleaved reads do not disturb each other."""
        found = self.sources(tmp_path)
        expected = {source.path: [_outline(r) for r in self.read_all(source)] for source in found}
        parser = self.make_parser()
        reads = {source.path: parser.read(source, None) for source in found}
        actual: dict[Path, list[Any]] = {path: [] for path in reads}
        while reads:
            for path, records in list(reads.items()):
                record = next(records, None)
                if record is None:
                    del reads[path]
                else:
                    actual[path].append(_outline(record))
        for path, outlines in actual.items():
            _assert_same(expected[path], outlines, f"{path.name} read beside others")

    def test_resumes_at_every_cursor(self, tmp_path: Path) -> None:
        """Reading on from any cursor, stored as text between, gives what a whole read gives."""
        for source in self.sources(tmp_path):
            records = self.read_all(source)
            outlines = [_outline(record) for record in records]
            for place in _spread(len(records), _MOST_CURSORS):
                cursor = Cursor(json.loads(json.dumps(records[place].cursor)))
                rest = read_records(self.make_parser(), source, cursor)
                _assert_same(
                    outlines[place + 1 :],
                    [_outline(record) for record in rest],
                    f"{source.path.name} read on after record {place + 1}",
                )

    def test_positions_ascend_within_the_size(self, tmp_path: Path) -> None:
        """`position` tells progress: it never falls and never exceeds the size."""
        for source in self.sources(tmp_path):
            positions = [record.position for record in self.read_all(source)]
            assert positions == sorted(positions), f"{source.path.name}: {positions}"
            assert not positions or positions[-1] <= source.size, f"{source.path.name}: too far"

    def test_foreign_cursor_is_refused(self, tmp_path: Path) -> None:
        """A cursor of another form, or of nothing at all, is `SourceReplaced`."""
        for source in self.sources(tmp_path):
            for text in ("", "x9:1:2:3", "j1:x:y:z", "j1:-1:-1:", "s1:0", "{}", "0"):
                self.assert_replaced(source, Cursor(text), f"the cursor {text!r}")

    def test_source_is_left_alone(self, tmp_path: Path) -> None:
        """Reading writes nothing, takes no lock, and works where nothing may be written."""
        found = self.sources(tmp_path)
        root = found[0].root
        _forbid_writing(root)
        try:
            before = _snapshot(root)
            with AccessRecorder(root) as access:
                for source in self.make_parser().discover(root):
                    list(self.make_parser().read(source, None))
                    self.make_parser().identify(source)
            after = _snapshot(root)
        finally:
            _allow_writing(root)
        assert before == after, "a source was changed"
        assert access.written == [], "a file was opened for writing"
        assert access.locks == [], "a lock was taken"

    def test_events_keep_the_wire_contract(self, tmp_path: Path) -> None:
        """Each event passes the wire unchanged, and the collector's fields are left to it."""
        parser = self.make_parser()
        for source in self.sources(tmp_path):
            for event in read_events(parser, source):
                place = f"{source.path.name}, seq {event.seq}"
                assert event.host == "", f"{place}: host is the collector's"
                assert event.tool == parser.tool, f"{place}: tool is {event.tool!r}"
                assert event.parser_version == parser.version, f"{place}: parser_version"
                _assert_on_wire(event, place)

    def test_session_ids_are_valid(self, tmp_path: Path) -> None:
        """Session ids and those of parents match the wire's pattern; no session is its parent."""
        for source in self.sources(tmp_path):
            for event in read_events(self.make_parser(), source):
                meta = event.session_meta
                parent = meta.parent_session_id if meta else None
                for name in filter(None, (event.session_id, parent)):
                    assert re.match(SESSION_ID_PATTERN, name), f"{name!r} is no valid id"
                assert parent != event.session_id, f"{parent} is its own parent"

    def test_places_are_unique(self, tmp_path: Path) -> None:
        """In a source, each turn of a session has a place and, in its record, an id of its own."""
        for source in self.sources(tmp_path):
            places: defaultdict[tuple[str, int], int] = defaultdict(int)
            for record in self.read_all(source):
                turns = [event for event in record.events if isinstance(event, TurnEvent)]
                names = [(turn.session_id, turn.turn_id) for turn in turns]
                assert len(set(names)) == len(names), f"an id twice in one record: {names}"
                for turn in turns:
                    places[turn.session_id, turn.seq] += 1
            shared = [place for place, count in places.items() if count > 1]
            assert not shared, f"{source.path.name}: places with several turns: {shared[:5]}"

    def test_damaged_content_never_raises(self, tmp_path: Path) -> None:
        """Whatever a source holds, reading ends and each event passes the wire."""
        for source in self.sources(tmp_path):
            original = source.path.read_bytes()
            for number, data in enumerate(damaged_copies(original, count=self.damaged_copies)):
                source.path.write_bytes(data)
                try:
                    for event in read_events(self.make_parser(), source):
                        _assert_on_wire(event, f"{source.path.name}, damage {number}")
                except self.tolerated:
                    continue
            source.path.write_bytes(original)

    def test_memory_is_bounded(self, tmp_path: Path) -> None:
        """Reading a larger source does not take more memory."""
        peaks = []
        for name, size in (("small", 3 * MIB // 2), ("large", 7 * MIB // 2)):
            root = tmp_path / name
            root.mkdir()
            source = self.grow(root, size)
            if source is None:
                return
            peaks.append((source.size, _peak(self.make_parser(), source)))
        (small, low), (large, high) = peaks
        grown = high - low
        # A reader's own buffers may grow by a block; whoever holds the source grows by all of it.
        assert grown < (large - small) * 3 / 4, (
            f"{large - small} bytes more took {grown} more memory"
        )

    # ------------------------------------------------------------------------------------------

    def assert_replaced(self, source: Source, cursor: Cursor, what: str) -> None:
        """Check that reading on from a cursor raises `SourceReplaced` before any record."""
        try:
            first = next(iter(self.make_parser().read(source, cursor)), None)
        except SourceReplaced:
            return
        raise AssertionError(f"{source.path.name}: {what} was accepted and gave {first}")


def _outline(record: Record) -> tuple[list[bytes], str, int, str, bool]:
    return (
        wire_lines(record.events),
        record.cursor,
        record.position,
        record.skipped,
        record.unmapped,
    )


def _assert_same(expected: list[Any], actual: list[Any], what: str) -> None:
    """Compare lists of records and name the first difference."""
    for number, (one, other) in enumerate(zip(expected, actual, strict=False)):
        assert one == other, f"{what}: record {number + 1} differs\n{one}\n{other}"
    assert len(expected) == len(actual), f"{what}: {len(actual)} records, not {len(expected)}"


def _assert_on_wire(event: Event, place: str) -> None:
    event.host = _HOST
    try:
        decoded = decode_line(encode_event(event))
    except LetheError as error:
        raise AssertionError(f"{place}: {error}") from error
    assert decoded.unknown_fields == 0, f"{place}: fields that the wire does not know"
    assert decoded.event.session_id == event.session_id, place


def _spread(length: int, most: int) -> Iterator[int]:
    """Give all places of a long list, or at most so many, the first and the last among them."""
    step = max(1, -(-length // most))
    yield from range(0, length, step)
    if length and (length - 1) % step:
        yield length - 1


def _snapshot(root: Path) -> dict[str, tuple[int, ...]]:
    """Say what writing would change of each path below a root."""
    state: dict[str, tuple[int, ...]] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        state[str(path)] = (status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns)
    return state


def _forbid_writing(root: Path) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        if not path.is_symlink():
            path.chmod(0o500 if path.is_dir() else 0o400)


def _allow_writing(root: Path) -> None:
    for directory, _, _ in os.walk(root):
        Path(directory).chmod(0o700)


def _peak(parser: Parser, source: Source) -> int:
    """Read to the end and return the greatest amount of memory that was in use, in bytes."""
    tracemalloc.start()
    try:
        for _ in parser.read(source, None):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
