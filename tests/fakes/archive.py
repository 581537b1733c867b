"""An archive in memory, and all that it holds."""

from __future__ import annotations

import functools
import json

import apsw

from lethe_core.wire import decode_line, encode_event
from lethe_server.storage.migrations import migrate
from lethe_server.storage.records import prepare_record
from lethe_server.storage.turns import store_records

_OF_SESSIONS = "SELECT s.* FROM sessions s JOIN owners o ON o.id = s.owner WHERE o.name = ?"
_OF_TURNS = (
    "SELECT t.*, u.key FROM turns t LEFT JOIN usage u ON u.id = t.usage"
    " WHERE t.session = ? ORDER BY t.turn_id"
)
_OF_USAGE = (
    "SELECT u.tool, key, input, output, cache_read, cache_write, reasoning, cost_nano"
    " FROM usage u JOIN owners o ON o.id = u.owner WHERE o.name = ? ORDER BY tool, key"
)
#: Numbers of rows, which depend on the order of arrival.
_NUMBERS = {"id", "owner", "session", "usage", "version"}


@functools.cache
def empty_database():
    """The bytes of an empty archive: migrating anew for each example would take most time."""
    connection = apsw.Connection(":memory:")
    migrate(connection)
    return connection.serialize("main")


def fresh_database():
    """An empty archive in memory."""
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", empty_database())
    return connection


def store(connection, lines, owner="alice"):
    """Store lines as one request."""
    with connection:
        return store_records(connection, owner, [prepare_record(decode_line(x)) for x in lines])


def store_events(connection, events, host="box"):
    """Store what a parser gave."""
    lines = []
    for event in events:
        event.host = host
        lines.append(encode_event(event))
    if lines:
        store(connection, lines)


def dump(connection, owner="alice"):
    """All that is stored for an owner, without the numbers of rows."""
    sessions = {}
    for session in _rows(connection, _OF_SESSIONS, owner):
        turns = list(_rows(connection, _OF_TURNS, session["id"]))
        session["state"] = json.loads(session["state"])
        session["turns_"] = [_without(_NUMBERS, turn) for turn in turns]
        sessions[session["session_id"]] = _without(_NUMBERS, session)
    return sessions, connection.execute(_OF_USAGE, (owner,)).fetchall()


def visible(connection):
    """What an owner gets to see of the archive: without revisions and what is kept to merge."""
    sessions, usage = dump(connection)
    hidden = {"revision", "seq_version", "digest", "state", "turns_"}
    return {
        name: (_without(hidden, session), [_without(hidden, turn) for turn in session["turns_"]])
        for name, session in sessions.items()
    }, usage


def _rows(connection, statement, value):
    for row in (cursor := connection.execute(statement, (value,))):
        yield dict(zip((column[0] for column in cursor.get_description()), row, strict=True))


def _without(names, row):
    return {name: value for name, value in row.items() if name not in names}
