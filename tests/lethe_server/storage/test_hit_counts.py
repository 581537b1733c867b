"""Counts that are remembered."""

from __future__ import annotations

import itertools

import apsw
import pytest

from lethe_server.storage import hit_counts
from lethe_server.storage.hit_counts import hit_counts_of


@pytest.fixture
def connections(tmp_path):
    """One connection that writes, and one that reads."""
    path = str(tmp_path / "archive.db")
    writing = apsw.Connection(path)
    writing.pragma("journal_mode", "wal")
    writing.execute("CREATE TABLE turns (id INTEGER PRIMARY KEY)")
    reading = apsw.Connection(path)
    yield writing, reading
    reading.close()
    writing.close()


def test_a_count_is_made_anew_when_something_was_stored(connections):
    """What was counted holds until another connection commits."""
    writing, reading = connections
    counted = itertools.count(1)

    def find(key):
        return hit_counts_of(reading).find(reading, key, lambda: next(counted))

    first = [find("rose"), find("rose"), find("tulip")]
    writing.execute("INSERT INTO turns DEFAULT VALUES")
    second = [find("rose"), find("rose")]

    assert first == [1, 1, 2]
    assert second == [3, 3]


def test_counts_of_a_snapshot_are_those_of_the_snapshot(connections):
    """A transaction that reads goes on with what it has counted, whatever is stored meanwhile."""
    writing, reading = connections
    counts = hit_counts_of(reading)

    def find():
        count = "SELECT count(*) FROM turns"
        return counts.find(reading, "all", lambda: reading.execute(count).get)

    with reading:
        before = find()
        writing.execute("INSERT INTO turns DEFAULT VALUES")
        during = find()

    assert (before, during, find()) == (0, 0, 1)


def test_no_more_counts_are_remembered_than_a_few_people_need(connections, monkeypatch):
    """The count that was not asked for the longest is forgotten."""
    monkeypatch.setattr(hit_counts, "REMEMBERED", 2)
    _, reading = connections
    counted = itertools.count(1)

    found = [hit_counts_of(reading).find(reading, key, lambda: next(counted)) for key in "aabacaab"]

    assert found == [1, 1, 2, 1, 3, 1, 1, 4]
