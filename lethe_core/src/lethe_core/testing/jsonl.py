"""What a parser of growing files of JSON lines must do besides; a class to subclass."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, ClassVar, Final

from lethe_core.events import TurnEvent
from lethe_core.sources import Source
from lethe_core.testing import files
from lethe_core.testing.conformance import ParserConformance
from lethe_core.testing.damage import GARBAGE
from lethe_core.testing.reading import read_events, read_records, wire_lines

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_core.errors import LetheError
    from lethe_core.sources import Record

_MOST_CUTS: Final = 120


class JsonlConformance(ParserConformance):
    """Checks that a parser of JSON lines keeps its contract on some sample files.

    Attributes:
        repeats_ids: whether the tool itself gives several things the same id; the archive keeps
            the first.
    """

    tolerated: ClassVar[tuple[type[LetheError], ...]] = ()
    repeats_ids: ClassVar[bool] = False

    def grow(self, root: Path, size: int) -> Source | None:
        """Repeat the lines of the longest sample."""
        self.write_samples(root)
        parser = self.make_parser()
        source = max(parser.discover(root), key=lambda one: one.size)
        data = source.path.read_bytes()
        with source.path.open("ab") as file:
            for _ in range(size // max(1, len(data))):
                file.write(data)
        return _again(source)

    def test_torn_tail_waits(self, tmp_path: Path) -> None:
        """A line is delivered once, when its newline is there, wherever the write was cut."""
        for source in self.sources(tmp_path):
            data = source.path.read_bytes()
            for start, end in _lines_to_tear(data):
                self._tear(source, data[:start], data[start:end])

    def _tear(self, source: Source, before: bytes, line: bytes) -> None:
        source.path.write_bytes(before + line)
        whole = self.read_all(_again(source))
        expected = wire_lines(whole[-1].events)
        cursor = whole[-2].cursor if len(whole) > 1 else None
        source.path.write_bytes(before)
        written = 0
        for cut in _cuts(line):
            files.append_partial(source.path, line[written:cut])
            written = cut
            torn = read_records(self.make_parser(), _again(source), cursor)
            assert not torn, f"{source.path.name}: a line cut after {cut} bytes was read"
        files.append_partial(source.path, line[written:])
        records = read_records(self.make_parser(), _again(source), cursor)
        assert len(records) == 1, f"{source.path.name}: the completed line gave {len(records)}"
        assert wire_lines(records[0].events) == expected, f"{source.path.name}: it was changed"

    def test_truncated_source_is_noticed(self, tmp_path: Path) -> None:
        """A file that is shorter than the cursor is `SourceReplaced`."""
        for source, records in self._filled(tmp_path):
            for size in (0, source.size // 2, source.size - 1):
                files.truncate(source.path, size)
                self.assert_replaced(_again(source), records[-1].cursor, f"a cut to {size} bytes")

    def test_rewritten_source_is_noticed(self, tmp_path: Path) -> None:
        """Other bytes before the cursor are `SourceReplaced`, also where the file grew."""
        for source, records in self._filled(tmp_path):
            data = source.path.read_bytes()
            end = data.rfind(b"\n") + 1
            other = bytes([data[end - 2] ^ 1])
            cursor = records[-1].cursor
            files.overwrite(source.path, end - 2, other)
            self.assert_replaced(_again(source), cursor, "a rewrite in place")
            files.replace(source.path, data)
            files.copy_truncate(source.path, b'{"other":"file"}\n' * (1 + len(data) // 8))
            self.assert_replaced(_again(source), cursor, "a file that was emptied and grew again")

    def test_new_generation_stands_behind_the_old(self, tmp_path: Path) -> None:
        """Turns of a replaced file come after those of its predecessor and replace them."""
        for source, records in self._filled(tmp_path):
            old = [e for record in records for e in record.events if isinstance(e, TurnEvent)]
            later = replace(source, generation=1, revision=7)
            again = read_records(self.make_parser(), later)
            new = [e for record in again for e in record.events if isinstance(e, TurnEvent)]
            assert len(old) == len(new), f"{source.path.name}: {len(new)} turns, not {len(old)}"
            if not old:
                continue
            assert min(t.seq for t in new) > max(t.seq for t in old), "seq does not move on"
            assert {turn.revision for turn in new} == {7}, "the revision is that of the source"

    def test_seq_follows_the_source(self, tmp_path: Path) -> None:
        """`seq` ascends with the place of the line, from event to event."""
        for source in self.sources(tmp_path):
            places = [event.seq for record in self.read_all(source) for event in record.events]
            wrong = [pair for pair in pairwise(places) if pair[0] > pair[1]]
            assert not wrong, f"{source.path.name}: seq falls at {wrong[:5]}"

    def test_ids_are_not_shared(self, tmp_path: Path) -> None:
        """No two turns of one id and revision differ: the archive keeps the first alone."""
        if self.repeats_ids:
            return
        for source in self.sources(tmp_path):
            said: dict[tuple[str, str, int], tuple[object, ...]] = {}
            for turn in read_events(self.make_parser(), source):
                if not isinstance(turn, TurnEvent):
                    continue
                what = (turn.role, turn.content, turn.tool_calls)
                first = said.setdefault((turn.session_id, turn.turn_id, turn.revision), what)
                assert first == what, (
                    f"{source.path.name}: the turn at {turn.seq} has the id {turn.turn_id!r} of an"
                    " earlier one, and would be lost; make an id of more than that"
                )

    def test_garbage_lines_cost_only_themselves(self, tmp_path: Path) -> None:
        """Lines that are no records never raise, and hide nothing of the lines around them."""
        for source in self.sources(tmp_path):
            lines = source.path.read_bytes().split(b"\n")[:-1]
            expected = [len(record.events) for record in self.read_all(source)]
            mixed = zip(lines, cycle(GARBAGE), strict=False)
            source.path.write_bytes(b"".join(b"%b\n%b\n" % pair for pair in mixed))
            records = self.read_all(_again(source))
            assert len(records) == 2 * len(expected), f"{source.path.name}: lines were lost"
            actual = [len(record.events) for record in records[::2]]
            assert actual == expected, f"{source.path.name}: turns were lost"

    def _filled(self, tmp_path: Path) -> list[tuple[Source, list[Record]]]:
        pairs = [(source, self.read_all(source)) for source in self.sources(tmp_path)]
        return [(source, records) for source, records in pairs if records]


def _again(source: Source) -> Source:
    """Look at a source again, as the collector does before each read."""
    return Source.from_stat(source.path, source.root)


def _lines_to_tear(data: bytes) -> list[tuple[int, int]]:
    """Choose lines to tear: the last one, and the last one with a character of many bytes."""
    places: list[tuple[int, int]] = []
    end = data.rfind(b"\n") + 1
    wide = False
    while end > 0:
        start = data.rfind(b"\n", 0, end - 1) + 1
        line = data[start:end]
        if line.strip() and (not places or (not wide and not line.isascii())):
            places.append((start, end))
            wide = wide or not line.isascii()
        if wide:
            break
        end = start
    return places


def _cuts(line: bytes) -> list[int]:
    """Choose where to cut: everywhere in a short line, and inside wide characters of a long one."""
    everywhere = range(1, len(line))
    if len(line) <= _MOST_CUTS:
        return list(everywhere)
    step = len(line) // (_MOST_CUTS // 2)
    wide = [place for place in everywhere if line[place] & 0xC0 == 0x80]  # noqa: PLR2004 - UTF-8
    ends = [len(line) - 2, len(line) - 1]
    return sorted({*everywhere[::step], *wide[: _MOST_CUTS // 2], *ends})
