"""What a parser of documents that are rewritten whole must do besides; a class to subclass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lethe_core.errors import SourceUnreadable
from lethe_core.sources import Source
from lethe_core.testing import files
from lethe_core.testing.conformance import ParserConformance
from lethe_core.testing.reading import read_records, wire_lines

if TYPE_CHECKING:
    from pathlib import Path

_MOST_CUTS: Final = 60


class SnapshotConformance(ParserConformance):
    """Checks that a parser of rewritten documents keeps its contract on some samples.

    A source of these tests is one file.
    """

    def test_half_written_document_waits(self, tmp_path: Path) -> None:
        """A document that is being written is never taken for the whole one, nor for damaged."""
        for source in self.sources(tmp_path):
            data = source.path.read_bytes()
            whole = self.read_all(source)
            cursor = whole[-1].cursor if whole else None
            text = data.rstrip()
            for cut in range(0, len(text), max(1, len(text) // _MOST_CUTS)):
                files.replace(source.path, data[:cut])
                half = Source.from_stat(source.path, source.root)
                try:
                    records = read_records(self.make_parser(), half, cursor)
                except SourceUnreadable:
                    continue
                events = [event for record in records for event in record.events]
                assert not events, f"{source.path.name}: cut after {cut} bytes it gave {events[:1]}"
            files.replace(source.path, data)

    def test_rewriting_the_same_sends_nothing(self, tmp_path: Path) -> None:
        """A document that is rewritten as it was gives no new event."""
        for source in self.sources(tmp_path):
            records = self.read_all(source)
            files.replace(source.path, source.path.read_bytes())
            again = Source.from_stat(source.path, source.root)
            rest = read_records(self.make_parser(), again, records[-1].cursor)
            sent = [line for record in rest for line in wire_lines(record.events)]
            assert not sent, f"{source.path.name}: {len(sent)} events were sent again"
