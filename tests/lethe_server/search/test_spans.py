"""Spans of time: exact, however many turns have the same time and wherever they stand."""

from __future__ import annotations

import dataclasses
import json
import math
from contextlib import contextmanager
from datetime import UTC, datetime

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from lethe_core.wire import decode_line
from lethe_server.search.query import parse_query
from lethe_server.search.searching import Search, search_turns
from lethe_server.search.within import Finding, find_within
from lethe_server.storage.migrations import migrate
from lethe_server.storage.places import find_places
from lethe_server.storage.ranking import register_functions
from lethe_server.storage.records import prepare_record
from lethe_server.storage.search_index import remove_places
from lethe_server.storage.transactions import write_transaction
from lethe_server.storage.turns import store_records

OWNERS = ("alice", "bob")
#: A few seconds, with many turns at the same moment.
TIMES = st.one_of(
    st.none(), st.just(101.0), st.integers(0, 3 * 128).map(lambda count: 100 + count / 128)
)
EDGES = st.one_of(st.none(), st.integers(0, 5 * 128).map(lambda count: 100 + count / 128))
NUMBERS = st.integers(0, 199)
#: Many turns of one moment, or a few of several: each of whom, which and when. A number that comes
#: again replaces.
PILES = st.integers(0, 150).map(lambda count: [("alice", number, 101.0) for number in range(count)])
BATCHES = st.lists(
    PILES | st.lists(st.tuples(st.sampled_from(OWNERS), NUMBERS, TIMES), max_size=60),
    min_size=1,
    max_size=4,
)
FIND = """
    SELECT t.owner, t.id FROM turns AS t JOIN owners AS o ON o.id = t.owner
    WHERE o.name = ? AND t.turn_id = ?
"""


@contextmanager
def archive():
    """An empty archive in memory."""
    connection = apsw.Connection(":memory:")
    try:
        migrate(connection)
        register_functions(connection)
        yield connection
    finally:
        connection.close()


def _store(connection, batches, removed):
    """Store turns, take some out of the index again; return which can be found, and their times."""
    times = {}
    for revision, batch in enumerate(batches):
        rows = {(owner, number): time for owner, number, time in batch}
        for owner in OWNERS:
            lines = (
                _turn(number, time, revision) for (of, number), time in rows.items() if of == owner
            )
            records = [prepare_record(decode_line(line.encode())) for line in lines]
            if records:
                with write_transaction(connection):
                    store_records(connection, owner, records)
        times |= rows
    for owner, number in removed & times.keys():
        of, turn = connection.execute(FIND, (owner, str(number))).get
        with write_transaction(connection):
            remove_places(connection, of, find_places(connection, of, [turn]).values())
        del times[owner, number]
    return times


def _turn(number, time, revision):
    content, output = ("rose", "") if number % 3 else ("", "rose")
    turn = {
        "tool": "t",
        "host": "h",
        "session_id": "s1",
        "turn_id": f"{number}",
        "seq": number,
        "revision": revision,
        "role": "user",
        "content": content or f"text {revision}",
        "tool_calls": [{"name": "Bash", "output": output}] if output else [],
    }
    return json.dumps(turn if time is None else turn | {"timestamp": time})


def _between(times, since, until):
    """Turns without a time count as older than all others."""
    first = -math.inf if since is None else since
    last = math.inf if until is None else until
    return {
        turn
        for turn, time in times.items()
        if (since is None if time is None else first <= time < last)
    }


def _paged(connection, search):
    """Return all hits, page by page, and how many there are said to be."""
    found, total = [], 0
    while True:
        page = search_turns(connection, search)
        found += [(result.owner, int(result.turn.turn_id)) for result in page.results]
        total = page.total
        if page.next_cursor is None:
            return found, total
        search = dataclasses.replace(search, cursor=page.next_cursor)


@given(
    batches=BATCHES,
    removed=st.sets(st.tuples(st.sampled_from(OWNERS), NUMBERS), max_size=50),
    span=st.tuples(EDGES, EDGES),
    order=st.sampled_from(["rank", "time"]),
    owner=st.sampled_from([*OWNERS, None]),
)
@settings(max_examples=120, deadline=None)
def test_spans_hold_just_what_is_of_their_time(batches, removed, span, order, owner):
    """Whatever was pushed aside, replaced and removed: hits and counts go by the turns' time."""
    query = parse_query("rose ", datetime.now(UTC)).narrowed((), *span)
    with archive() as connection:
        times = _store(connection, batches, removed)
        expected = _between(times, *span)

        for outputs in (False, True):
            search = Search(
                query=query,
                identity=(),
                owner=owner,
                include_outputs=outputs,
                order=order,
                limit=7,
            )
            found, total = _paged(connection, search)

            wanted = {turn for turn in expected if owner in (None, turn[0])}
            wanted = {turn for turn in wanted if outputs or turn[1] % 3}
            assert sorted(found) == sorted(wanted)
            assert total == len(wanted)


def test_a_day_holds_none_of_the_next_ones_turns():
    """A hundred turns at the end of a day are of that day, and none of them of the next."""
    batch = [("alice", number, 86_399.0) for number in range(1, 101)] + [("alice", 1001, 86_400.0)]
    with archive() as connection:
        _store(connection, [batch], set())

        for typed, expected in (
            ("rose before:1970-01-02", 67),
            ("rose after:1970-01-02", 1),
        ):
            query = parse_query(typed, datetime.now(UTC))
            search = Search(query=query, identity=(), owner="alice")
            finding = Finding(
                owner="alice", session=1, query=query, include_outputs=False, after=-1, limit=200
            )
            assert search_turns(connection, search).total == expected
            assert find_within(connection, finding).total == expected
