"""Reading real transcripts in two parts gives what reading them at once gives."""

from __future__ import annotations

import pytest

from lethe_claude_code import ClaudeCodeParser
from lethe_core import Source
from lethe_core.testing import read_records, wire_lines

#: How many boundaries of a file the fast run looks at, and how many lines it reads after each.
BOUNDARIES = 12
LOOK_AHEAD = 40


def outline(records):
    """Say what a reader sees of some records."""
    return [(wire_lines(one.events), one.cursor, one.skipped, one.unmapped) for one in records]


def boundaries(count, most):
    """Choose at most so many places in a list, its ends among them."""
    return sorted({place * (count - 1) // max(1, most - 1) for place in range(most)})


@pytest.mark.promise("P4", "P7")
def test_resumes_at_sampled_boundaries(sources):
    """From a cursor in a file, the following records are those of a whole read."""
    for path, source in sources.items():
        records = read_records(ClaudeCodeParser(), source)
        expected = outline(records)
        for place in boundaries(len(records), BOUNDARIES) if records else []:
            rest = ClaudeCodeParser().read(source, records[place].cursor)
            some = [record for record, _ in zip(rest, range(LOOK_AHEAD), strict=False)]
            end = place + 1 + LOOK_AHEAD
            assert expected[place + 1 : end] == outline(some), (path, place)


@pytest.mark.promise("P4", "P7")
def test_resumes_at_every_boundary(sources):
    """From the cursor at any line's end, the next record and its cursor are as in a whole read.

    By induction that holds for all the rest of the file; the test above reads further, too.
    """
    for path, source in sources.items():
        records = read_records(ClaudeCodeParser(), source)
        expected = outline(records)
        for place, record in enumerate(records):
            rest = ClaudeCodeParser().read(source, record.cursor)
            following = next(rest, None)
            rest.close()
            assert expected[place + 1 : place + 2] == outline(filter(None, [following])), (
                path,
                place,
            )


@pytest.mark.promise("P4", "P7")
def test_growing_file_gives_the_same(sources, tmp_path):
    """A file that is read while it grows gives the records of the finished file."""
    steps = [path for path in sources if path.parent.parent.name == "growing"]
    assert steps, "the corpus holds checkpoints of growing files"
    for directory in {path.parent for path in steps}:
        place = tmp_path / f"{directory.name}.jsonl"
        cursor, found = None, []
        for path in sorted(path for path in steps if path.parent == directory):
            place.write_bytes(path.read_bytes())
            records = read_records(ClaudeCodeParser(), Source.from_stat(place, tmp_path), cursor)
            cursor = records[-1].cursor if records else cursor
            found += records
        whole = read_records(ClaudeCodeParser(), Source.from_stat(place, tmp_path))

        assert outline(whole) == outline(found)
