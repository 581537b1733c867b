"""Whatever way the transcripts of a tool are read in, the archive is the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes.archive import fresh_database, store_events, visible
from fakes.replay import Replay
from fakes.suites import find_suites

from lethe_core.errors import SourceReplaced, SourceUnreadable, SourceUnsupported
from lethe_core.testing import read_records

SUITES = find_suites()
MOST_CUTS = 12


@pytest.fixture(params=SUITES, ids=str)
def suite(request):
    """The suite of each plugin, with its samples."""
    return SUITES[request.param]()


def read_at_once(suite, sources):
    """Archive sources, each read once."""
    archive = fresh_database()
    for source in sources:
        for record in suite.read_all(source):
            store_events(archive, record.events)
    return archive


def test_reading_again_changes_nothing(suite, tmp_path):
    """Each source read again, by a collector that has lost its state, leaves all as it is."""
    sources = suite.sources(tmp_path)
    archive = read_at_once(suite, sources)
    before = visible(archive)

    for source in reversed(sources):
        store_events(archive, [e for record in suite.read_all(source) for e in record.events])

    assert visible(archive) == before


def test_reading_in_two_parts_gives_the_same(suite, tmp_path):
    """A source may be left at any record, and read on from there by another process."""
    sources = suite.sources(tmp_path)
    expected = visible(read_at_once(suite, sources))

    for share in range(1, MOST_CUTS):
        archive = fresh_database()
        for source in sources:
            records = suite.read_all(source)
            cut = len(records) * share // MOST_CUTS
            cursor = records[cut - 1].cursor if cut else None
            rest = read_records(suite.make_parser(), source, cursor)
            for record in [*records[:cut], *rest]:
                store_events(archive, record.events)
        assert visible(archive) == expected, f"left after {share} of {MOST_CUTS} parts"


class Follower:
    """Follows sources as the collector does.

    Args:
        parser: reads them.
        roots: below which they are.
    """

    def __init__(self, parser, roots):
        self.archive = fresh_database()
        self._parser = parser
        self._roots = roots
        self._read = {}  # by path: generation, cursor, size and time when it was read to its end

    def look(self):
        """Read what is new."""
        for root in self._roots:
            if not root.exists():
                continue
            for source in self._parser.discover(root):
                generation, cursor, seen = self._read.get(source.path, (0, None, None))
                now = (source.size, source.mtime_ns, source.inode)
                if now != seen:
                    self._follow(replace(source, generation=generation), cursor, now)

    def _follow(self, source, cursor, now):
        try:
            for record in self._parser.read(source, cursor):
                store_events(self.archive, record.events)
                cursor = record.cursor
                self._read[source.path] = (source.generation, cursor, None)
        except SourceReplaced:
            self._read[source.path] = (source.generation + 1, None, None)
            self.look()
        except (SourceUnreadable, SourceUnsupported, OSError):
            pass  # it is looked at again
        else:
            self._read[source.path] = (source.generation, cursor, now)


@pytest.mark.promise("P3", "P4", "P6")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_following_a_writer_gives_the_same(suite, tmp_path, seed):
    """Who reads after each step of a tool that writes has in the end what one reading gives."""
    sources = suite.sources(tmp_path)
    expected = visible(read_at_once(suite, sources))
    follower = Follower(suite.make_parser(), sorted({source.root for source in sources}))
    suffixes = {source.path.suffix for source in sources}
    replay = Replay(tmp_path / "root", suffixes, seed)
    try:
        for _ in replay.steps():
            follower.look()
        follower.look()
        sessions, usage = visible(follower.archive)
    finally:
        replay.close()

    assert usage == expected[1]
    assert sessions.keys() == expected[0].keys()
    for name, (session, turns) in sessions.items():
        assert turns == expected[0][name][1], name
        assert session == expected[0][name][0], name
