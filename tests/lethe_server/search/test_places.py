"""Places: each turn has a slot of its own, the first free one from its time on."""

from __future__ import annotations

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lethe_server.storage.migrations import migrate
from lethe_server.storage.places import PER_SECOND, Placed, slot_of, take_places

OWNER = 1
BATCHES = st.lists(st.lists(st.integers(0, 3 * PER_SECOND), max_size=60), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def connection():
    """An empty archive in memory."""
    connection = apsw.Connection(":memory:")
    migrate(connection)
    yield connection
    connection.close()


def _first_free(taken, slot):
    while slot in taken:
        slot += 1
    return slot


@given(batches=BATCHES)
@settings(max_examples=60, deadline=None)
def test_turns_get_the_first_free_slot(connection, batches):
    """Whatever comes together and after one another, slots are filled up without a gap."""
    connection.execute("DELETE FROM search_places")
    taken: set[int] = set()
    number = 0
    for batch in batches:
        turns = [
            Placed(number + index, 1, 1000 + slot / PER_SECOND, 10)
            for index, slot in enumerate(batch)
        ]
        number += len(turns)

        places = take_places(connection, OWNER, turns)

        order = sorted(range(len(batch)), key=lambda index: batch[index])
        for index in order:
            expected = _first_free(taken, 1000 * PER_SECOND + batch[index])
            taken.add(expected)
            assert slot_of(places[index]) == expected
