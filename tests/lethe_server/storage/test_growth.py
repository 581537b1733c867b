"""What an answer costs does not depend on what it does not hold."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from lethe_core.wire import decode_line
from lethe_server.storage import sessions, statistics
from lethe_server.storage.database import open_database, prepare_directory
from lethe_server.storage.migrations import migrate
from lethe_server.storage.records import SessionKey, prepare_record
from lethe_server.storage.relatives import find_related_rows
from lethe_server.storage.turnpages import TurnPlace, read_turns
from lethe_server.storage.turns import store_records

SMALL, LARGE = 40, 1600
#: Of 2026, Unix seconds; a turn each quarter of an hour.
BEGIN, STEP = 1_767_225_600.0, 900.0


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Two archives alike, but for the turns of their sessions."""
    path = prepare_directory(tmp_path_factory.mktemp("growth"))
    opened = open_database(path, writer=True)
    migrate(opened.connection())
    for owner, turns in (("small", SMALL), ("large", LARGE)):
        for session in ("s1", "s2"):
            lines = (json.dumps(make_turn(session, number)) for number in range(turns))
            records = [prepare_record(decode_line(line.encode())) for line in lines]
            with opened.connection():
                store_records(opened.connection(), owner, records)
    opened.close()
    reader = open_database(path, writer=False)
    yield reader
    reader.close()


def make_turn(session, number):
    """One of the turns, the half of them with an API reply of its own."""
    turn = {
        "tool": "t",
        "host": "h",
        "session_id": session,
        "turn_id": f"{number}",
        "seq": number,
        "role": "assistant" if number % 2 else "user",
        "timestamp": BEGIN + number * STEP,
        "content": f"words {number}",
    }
    if number % 2:
        turn["usage"] = {"key": f"{session}-{number}", "input": number}
    return turn


def work_of(database, query):
    """Count the steps of SQLite's machine that a query takes."""
    steps = 0

    def count():
        nonlocal steps
        steps += 1
        return False

    connection = database.connection()
    connection.set_progress_handler(count, 1)
    try:
        query()
    finally:
        connection.set_progress_handler(None)
    return steps


def find_row(database, owner):
    """The session that is read."""
    ((_, row),) = sessions.find_named(database.connection(), owner, SessionKey("t", "h", "s1"))
    return row


def list_page(database, owner):
    """Ask for a page of sessions."""
    sessions.list_sessions(database.connection(), owner, sessions.SessionFilter())


def first_turns(database, owner):
    """Read the first turns of a session."""
    row = find_row(database, owner)
    read_turns(database.connection(), owner, row.id, TurnPlace.after(-1), 10)


def relatives(database, owner):
    """Ask what a session shares with others."""
    row = find_row(database, owner)
    find_related_rows(database.connection(), row.owner, [row.id])


def totals(database, owner):
    """Ask for the sums of all."""
    ask_statistics(database, owner, ())


def of_hosts(database, owner):
    """Ask for the sums of hosts and models."""
    ask_statistics(database, owner, ("host", "model"))


def of_a_day(database, owner):
    """Ask for the sums of an afternoon."""
    ask_statistics(database, owner, ("day",), since=BEGIN, until=BEGIN + 10 * STEP)


def places(database, owner):
    """Ask for the sums of projects."""
    statistics.read_workplaces(database.connection(), owner, statistics.ActivityFilter())


def ask_statistics(database, owner, dimensions, **span):
    """Ask for sums."""
    wanted = statistics.ActivityFilter(**span)
    statistics.read_statistics(
        database.connection(), owner, wanted, dimensions=dimensions, zone=dt.UTC, limit=100
    )


@pytest.mark.parametrize(
    "query",
    [list_page, first_turns, relatives, totals, of_hosts, of_a_day, places],
)
def test_work_does_not_grow_with_turns_that_are_not_answered(database, query):
    """Forty times as many turns cost no more, if the answer does not hold them."""
    small, large = (
        work_of(database, lambda owner=owner: query(database, owner))
        for owner in ("small", "large")
    )

    assert large < 1.2 * small + 50
