"""What a hit counts."""

from __future__ import annotations

import json

import apsw
import pytest

from lethe_server.storage.places import LENGTH_BITS
from lethe_server.storage.ranking import SCALES, SCORE, Worth, make_scoring, register_functions

COLUMNS = "text, parts, facets, content='', contentless_delete=1"


@pytest.fixture
def connection():
    """An index of texts of all classes of length, before and after 1970, with one to four hits."""
    connection = apsw.Connection(":memory:")
    register_functions(connection)
    connection.execute(f"CREATE VIRTUAL TABLE found USING fts5({COLUMNS})")
    rows = []
    for slot in range(-64, 64):
        place = slot << LENGTH_BITS | abs(slot) % (1 << LENGTH_BITS)
        hits = "rose " * (slot % 5)
        rows.append((place, hits, "" if hits else "red rose", "a"))
    connection.executemany(
        "INSERT INTO found (rowid, text, parts, facets) VALUES (?, ?, ?, ?)", rows
    )
    yield connection
    connection.close()


def scores(connection, sql, values):
    """The score of each hit, by its place."""
    query = f"SELECT rowid, {sql.format(table='found')} FROM found WHERE found MATCH ?"
    return dict(connection.execute(query, (*values, "{text parts} : rose")))


@pytest.mark.parametrize("source", sorted(SCALES))
def test_a_single_word_counts_what_it_would_among_others(connection, source):
    """What SQLite works out for a single word is what is worked out for several."""
    worths = [[Worth(0, 3.25)]]
    scale = SCALES[source]
    argument = json.dumps([scale.length, [[(0, 3.25 * scale.weight)]]])

    single = scores(connection, *make_scoring(source, worths))

    assert 128 == len(single)
    assert single == pytest.approx(scores(connection, f"{SCORE}({{table}}, ?)", (argument,)))


def test_more_hits_and_shorter_texts_count_more(connection):
    """Of equal hits that of the shorter text is better; a part of an identifier is half a word."""
    single = scores(connection, *make_scoring("turns", [[Worth(0, 1.0)]]))

    def place(slot):
        return slot << LENGTH_BITS | slot

    assert single[place(1)] > single[place(6)] > single[place(31)] > 0  # a hit in each
    assert single[place(6)] < single[place(7)] < single[place(8)]  # one, two and three hits
    assert 0 < single[place(0)] < single[place(1)]
