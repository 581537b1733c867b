"""Reading of the search index: hits, counts, and the turns that hits stand for."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.search.expressions import FACET_ANY
from lethe_server.storage.dictionaries import unpacker_of
from lethe_server.storage.directories import IN_PROJECT, name_of
from lethe_server.storage.hit_counts import hit_counts_of
from lethe_server.storage.payloads import outputs_of
from lethe_server.storage.places import FIRST, Window, window_of
from lethe_server.storage.ranking import ROWS
from lethe_server.storage.search_index import table_of, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator

    import apsw

    from lethe_server.storage.ranking import Scoring
    from lethe_server.storage.search_index import Source

#: More sessions than this are looked up for each hit, instead of named in the expression.
MAX_NAMED_SESSIONS: Final = 300

_IN_SESSIONS: Final = """
    AND (SELECT p.session FROM search_places AS p WHERE p.owner = ? AND p.place = {}.rowid)
        IN (SELECT value FROM json_each(?))
"""
#: The time itself is asked of those alone whose place does not tell.
_IN_TIME: Final = """
    AND iif({0}.rowid >= ? AND {0}.rowid < ?, TRUE, (
        SELECT t.timestamp >= ? AND t.timestamp < ? FROM search_places AS p
        JOIN turns AS t ON t.owner = p.owner AND t.id = p.turn
        WHERE p.owner = ? AND p.place = {0}.rowid))
"""
_PAGE: Final = """
    SELECT iif(?1, t.content, ''), iif(?1 AND t.content <> '', NULL, t.payload), p.place, t.turn_id,
        t.seq, t.timestamp, t.role, s.tool, s.host, s.session_id, s.working_dir,
        coalesce(s.title, s.preview)
    FROM search_places AS p
    JOIN turns AS t ON t.owner = p.owner AND t.id = p.turn
    JOIN sessions AS s ON s.owner = p.owner AND s.id = t.session
    WHERE p.owner = ?2 AND p.place IN (SELECT value FROM json_each(?3))
"""
_ORDER: Final = """
    SELECT p.place, t.seq FROM search_places AS p
    JOIN turns AS t ON t.owner = p.owner AND t.id = p.turn
    WHERE p.owner = ? AND p.place IN (SELECT value FROM json_each(?))
    ORDER BY t.seq, t.turn_id
"""
_OWNERS: Final = """
    SELECT o.id, o.name, s.delay FROM owners AS o JOIN search_owners AS s ON s.owner = o.id
    WHERE ?1 IS NULL OR o.name = ?1 ORDER BY o.id
"""
_SESSIONS_NAMED: Final = "SELECT id FROM sessions WHERE owner = ? AND session_id = ?"
_SESSIONS_IN: Final = (
    f"SELECT s.id FROM sessions AS s WHERE s.owner = ?1 AND {IN_PROJECT.format('?2')}"  # noqa: S608 - made of the constant alone
)
_FIND_SIGNATURE_KEY: Final = "SELECT value FROM secrets WHERE name = 'cursor'"


#: What is sorted behind a hit that was shown.
_AFTER: Final = "WHERE (minus_score, minus_place, owner, source) > (?, ?, ?, ?)"

#: Minus the score, minus the place, the owner and the source of a hit: so hits sort by what
#: comes first.
HitRow = tuple[float, int, int, str]
#: The same of a hit that may lack a score.
UnrankedRow = tuple[float | None, int, int, str]


class Bounds(NamedTuple):
    """Which of the hits are returned.

    Args:
        scored: so many at most are scored, the newest; `None` if there are few enough, since to
            find them in this order costs half as much again.
        returned: so many at most are returned; a negative number means all.
        after: only what sorts behind this one.
    """

    scored: int | None
    returned: int
    after: HitRow | None = None


#: All places.
EVERYWHERE: Final = window_of(None, None, 0)


class Wanted(NamedTuple):
    """Which rows of a table are hits.

    Args:
        expression: of FTS5.
        window: which places count.
        sessions: only of these sessions.
    """

    expression: str
    window: Window = EVERYWHERE
    sessions: Collection[int] | None = None


class FoundTurn(NamedTuple):
    """A turn of a page.

    Args:
        place: in the index.
        turn_id: its name.
        seq: its place in the session.
        timestamp: Unix seconds.
        role: who speaks.
        tool: of its session.
        host: of its session.
        session_id: of its session.
        working_dir: of its session.
        title: of its session, or what its first prompt says.
    """

    place: int
    turn_id: str
    seq: int
    timestamp: float | None
    role: str
    tool: str
    host: str
    session_id: str
    working_dir: str | None
    title: str | None


class HitReader:
    """Reads one table of the index.

    Args:
        connection: that reads; has the functions of `lethe_server.storage.ranking`.
        source: which table.
        owner: whose.
    """

    def __init__(self, connection: apsw.Connection, source: Source, owner: int) -> None:
        self._connection = connection
        self._owner = owner
        self._source = source
        self._table = table_of(source, owner)
        self._counts = hit_counts_of(connection)

    def rows(self) -> int:
        """Return how many rows the table has."""
        return self._remembered(None, self._count_rows)

    def count(self, expression: str, limit: int) -> int:
        """Count hits, no further than a limit.

        Args:
            expression: of FTS5.
            limit: at most so many.
        """
        return self._remembered(
            (expression, limit), lambda: self.tally(Wanted(expression), limit)[0]
        )

    def tally(self, wanted: Wanted, limit: int) -> tuple[int, int]:
        """Count hits, no further than a limit, and return the greatest place of those.

        Args:
            wanted: which rows are hits.
            limit: at most so many.
        """
        where, values = self._where(wanted)
        statement = f"""
            SELECT count(*), coalesce(max(place), {FIRST})
            FROM (SELECT rowid AS place FROM {self._table} {where} LIMIT ?)
        """  # noqa: S608 - made of numbers and constants
        rows: Any = self._connection.execute(statement, (*values, limit))
        ((count, newest),) = rows
        return count, newest

    def postings(self, beginning: str, limit: int) -> tuple[int, bool]:
        """Count the texts that words with a beginning stand in, each word on its own.

        Args:
            beginning: of words, folded.
            limit: nobody wants to know of more.

        Returns:
            How many, and whether one of the words is longer than the beginning.
        """
        words = words_of(self._source, self._owner)
        statement = f"SELECT term, doc FROM {words} WHERE term >= ? AND term < ?"  # noqa: S608 - made of a number
        rows = self._connection.execute(statement, (beginning, beginning + chr(sys.maxunicode)))
        total, longer = 0, False
        for term, count in rows:
            total += count
            longer |= term != beginning
            if total >= limit:
                rows.close()
                break
        return total, longer

    def places(self, wanted: Wanted, limit: int) -> list[int]:
        """Return the places of the newest hits, the newest first.

        Args:
            wanted: which rows are hits.
            limit: at most so many.
        """
        where, values = self._where(wanted)
        statement = f"SELECT rowid FROM {self._table} {where} ORDER BY rowid DESC LIMIT ?"  # noqa: S608 - made of a number
        rows = self._connection.execute(statement, (*values, limit))
        return [place for (place,) in rows]

    def place_at(self, wanted: Wanted, depth: int) -> int:
        """Return the place of one of the newest hits, which there must be.

        Args:
            wanted: which rows are hits.
            depth: 1 for the newest.
        """
        where, values = self._where(wanted)
        statement = f"SELECT rowid FROM {self._table} {where} ORDER BY rowid DESC LIMIT 1 OFFSET ?"  # noqa: S608 - made of a number
        return int(self._connection.execute(statement, (*values, depth - 1)).get)

    def scored(self, wanted: Wanted, limit: int, scoring: Scoring) -> list[HitRow]:
        """Return the newest hits, the newest first.

        Args:
            wanted: which rows are hits.
            limit: at most so many.
            scoring: from `make_scoring`.
        """
        where, values = self._where(wanted)
        statement = f"""
            SELECT -({scoring.sql.format(table=self._table)}), -rowid, {self._owner:d},
                '{self._source}'
            FROM {self._table} {where} ORDER BY rowid DESC LIMIT ?
        """  # noqa: S608 - made of numbers and constants
        return list(self._connection.execute(statement, (*scoring.values, *values, limit)))

    def best(self, wanted: Wanted, bounds: Bounds, scoring: Scoring) -> list[HitRow]:
        """Return the best hits, the best first.

        SQLite sorts them: what is not shown never becomes an object of Python.

        Args:
            wanted: which rows are hits.
            bounds: how many hits are scored and returned.
            scoring: from `make_scoring`.
        """
        where, values = self._where(wanted)
        after = "" if bounds.after is None else _AFTER
        if bounds.scored is not None:
            where += " ORDER BY rowid DESC LIMIT ?"
            values.append(bounds.scored)
        statement = f"""
            SELECT minus_score, minus_place, {self._owner:d} AS owner, '{self._source}' AS source
            FROM (
                SELECT -({scoring.sql.format(table=self._table)}) AS minus_score,
                    -rowid AS minus_place
                FROM {self._table} {where}
            ) {after}
            ORDER BY minus_score, minus_place LIMIT ?
        """  # noqa: S608 - made of numbers and constants
        values = [*scoring.values, *values, *(bounds.after or ()), bounds.returned]
        return list(self._connection.execute(statement, values))

    def _remembered(self, what: Hashable, count: Callable[[], int]) -> int:
        return self._counts.find(self._connection, (self._table, what), count)

    def _count_rows(self) -> int:
        table = self._table
        statement = f"SELECT {ROWS}({table}) FROM {table} WHERE {table} MATCH ? LIMIT 1"  # noqa: S608 - made of a number
        return self._connection.execute(statement, (f"facets : {FACET_ANY}",)).get or 0

    def _where(self, wanted: Wanted) -> tuple[str, list[Any]]:
        condition = f"WHERE {self._table} MATCH ? AND rowid >= ? AND rowid < ?"
        window = wanted.window
        values: list[Any] = [wanted.expression, window.first, window.last]
        if window.sure_first > window.first or window.sure_last < window.last:
            condition += _IN_TIME.format(self._table)
            values += (window.sure_first, window.sure_last, *window.times, self._owner)
        if wanted.sessions is not None:
            condition += _IN_SESSIONS.format(self._table)
            values += (self._owner, json.dumps(list(wanted.sessions)))
        return condition, values


def read_page(
    connection: apsw.Connection, owner: int, source: Source, places: Iterable[int]
) -> Iterator[tuple[FoundTurn, str]]:
    """Read the turns at some places, one at a time: their texts may be long.

    Args:
        connection: that reads.
        owner: whose turns.
        source: what is read of them: a payload is large, and few hits need it.
        places: in any order.

    Returns:
        Each turn, and what was found: its text, or what the tools answered in it.
    """
    of_texts = source == "turns"
    unpack = unpacker_of(connection).unpack
    for row in connection.execute(_PAGE, (of_texts, owner, json.dumps(list(places)))):
        parts = unpack(row[0], row[1])
        yield (
            FoundTurn._make(row[2:]),
            parts.content if of_texts else outputs_of(parts.tool_calls),
        )


def order_places(
    connection: apsw.Connection, owner: int, places: Iterable[int]
) -> list[tuple[int, int]]:
    """Put places into the order of the conversation, each with the `seq` of its turn.

    Args:
        connection: that reads.
        owner: whose turns.
        places: of turns of one session.
    """
    rows: list[Any] = connection.execute(_ORDER, (owner, json.dumps(list(places)))).fetchall()
    return rows


class IndexedOwner(NamedTuple):
    """An owner of whom something is indexed.

    Args:
        number: of the owner.
        name: of the owner.
        delay: slots that turns stand behind the one that they should have, at the most.
    """

    number: int
    name: str
    delay: int


def indexed_owners(connection: apsw.Connection, name: str | None) -> list[IndexedOwner]:
    """Return the owners of whom something is indexed.

    Args:
        connection: that reads.
        name: of one owner; `None` for all.
    """
    return [IndexedOwner._make(row) for row in connection.execute(_OWNERS, (name,))]


def sessions_named(connection: apsw.Connection, owner: int, session_id: str) -> list[int]:
    """Return the sessions of a name: one of each tool and host.

    Args:
        connection: that reads.
        owner: whose.
        session_id: the tool's own identity.
    """
    return [number for (number,) in connection.execute(_SESSIONS_NAMED, (owner, session_id))]


def sessions_in(connection: apsw.Connection, owner: int, project: str) -> list[int]:
    """Return the sessions of a project.

    Args:
        connection: that reads.
        owner: whose.
        project: the working directory, or its last parts.
    """
    values = (owner, name_of(project))
    return [number for (number,) in connection.execute(_SESSIONS_IN, values)]


def cursor_secret(connection: apsw.Connection) -> bytes:
    """Return what cursors are signed with.

    Args:
        connection: that reads.
    """
    secret: bytes = connection.execute(_FIND_SIGNATURE_KEY).get
    return secret
