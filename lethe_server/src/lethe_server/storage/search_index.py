"""The search index: two FTS5 tables for each owner, one of texts and one of outputs of tools.

    search_turns_N      text, parts, facets     of the contents of the turns of owner N
    search_outputs_N    text, parts, facets     of the outputs of tools in them
    search_places       owner, place, turn, session

A row's number is the turn's place (`lethe_server.storage.places`), in both tables the same. The
columns `text` and `parts` are made by `lethe_server.search.terms`. `facets` holds what a turn can
be chosen by and what never changes of it: its role, its session, and the session's tool and host.

* Owners share no table: what a query of one costs, what it counts and how it ranks does not depend
  on what others store (A3), and an owner can be moved or deleted as a whole.
* The tables are contentless: they hold no copy of the text. A row is deleted by its number alone.
* Rows are written in the transaction that stores the turn, by `executemany`, in the order of
  their places. There are no triggers (measured: four times as dear).
* A turn that the parser could not map is not indexed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from lethe_server.search.expressions import FACET_ANY, facet
from lethe_server.storage.places import Placed, find_places, release_places, take_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from lethe_server.search.terms import Terms

Source = Literal["turns", "outputs"]

SOURCES: Final[tuple[Source, ...]] = ("turns", "outputs")

#: Raised with every change of what is indexed of a turn, and of the tables of an owner: the index
#: of an owner that has another version is built anew when the archive is opened.
INDEX_VERSION: Final = 5

#: How FTS5 gathers what is new (measured in a backfill, searches cost the same):
#:
#: * pieces of the index of one size that are joined to a larger one: with 4, as is the default,
#:   each word is written a third more often; with 16 the index is larger;
#: * bytes of memory before a piece is written: the default of 1 MiB divides a request's outputs.
_GATHERING: Final = {"automerge": 8, "hashsize": 4 * 1024 * 1024}

_FIND_OWNER: Final = "SELECT owner FROM search_owners WHERE owner = ?"
_INSERT_OWNER: Final = "INSERT INTO search_owners (owner, version) VALUES (?, ?)"
_DELETE_OWNER: Final = "DELETE FROM search_owners WHERE owner = ?"
_DELETE_PLACES: Final = "DELETE FROM search_places WHERE owner = ?"


class IndexedTurn(NamedTuple):
    """A turn as it goes into the index.

    Args:
        turn: its number.
        session: the number of its session.
        facets: from `facets_of`.
        timestamp: Unix seconds.
        content: of its text.
        outputs: of the outputs of tools in it.
        is_new: whether the index cannot hold it yet.
    """

    turn: int
    session: int
    facets: str
    timestamp: float | None
    content: Terms
    outputs: Terms
    is_new: bool = False

    @property
    def length(self) -> int:
        """About how many characters it has; 0 if there is nothing to find it by."""
        return max(len(self.content.text), len(self.outputs.text))


def facets_of(session: int, tool: str, host: str, role: str) -> str:
    """Return what a turn can be chosen by.

    Args:
        session: the number of its session.
        tool: of the session.
        host: of the session.
        role: of the turn.
    """
    words = (facet("tool", tool), facet("host", host), facet("role", role))
    return " ".join((FACET_ANY, session_facet(session), *words))


def session_facet(session: int) -> str:
    """Return the word that the turns of a session have.

    Args:
        session: its number.
    """
    return f"s{session}"


def table_of(source: Source, owner: int) -> str:
    """Return the name of a table of the index.

    Args:
        source: what is indexed in it.
        owner: the number of the owner.
    """
    return f"search_{source}_{owner:d}"


def words_of(source: Source, owner: int) -> str:
    """Return the name of the view of the words in a table of the index.

    Args:
        source: what is indexed in the table.
        owner: the number of the owner.
    """
    return f"search_words_{source}_{owner:d}"


def has_index(connection: apsw.Connection, owner: int) -> bool:
    """Tell whether anything of an owner was ever indexed.

    Args:
        connection: any.
        owner: the number of the owner.
    """
    return connection.execute(_FIND_OWNER, (owner,)).get is not None


def index_turns(connection: apsw.Connection, owner: int, turns: Sequence[IndexedTurn]) -> None:
    """Put turns into the index; what it held of them is replaced.

    Args:
        connection: in a transaction.
        owner: whose turns.
        turns: each once.
    """
    if not turns:
        return
    if not has_index(connection, owner):
        _create_index(connection, owner)
    before = find_places(connection, owner, [turn.turn for turn in turns if not turn.is_new])
    remove_places(connection, owner, before.values())
    found: list[IndexedTurn] = []
    placed: list[Placed] = []
    for turn in turns:
        if length := turn.length:
            found.append(turn)
            number = turn.turn
            placed.append(Placed(number, turn.session, turn.timestamp, length, before.get(number)))
    places = take_places(connection, owner, placed)
    rows = sorted(zip(places, found, strict=True), key=lambda row: row[0])
    _insert(
        connection,
        table_of("turns", owner),
        ((place, *turn.content, turn.facets) for place, turn in rows if turn.content.text),
    )
    _insert(
        connection,
        table_of("outputs", owner),
        ((place, *turn.outputs, turn.facets) for place, turn in rows if turn.outputs.text),
    )


def remove_places(connection: apsw.Connection, owner: int, places: Iterable[int]) -> None:
    """Take turns out of the index.

    Args:
        connection: in a transaction.
        owner: whose turns.
        places: of the turns.
    """
    rows = [(place,) for place in places]
    if not rows:
        return
    for source in SOURCES:
        statement = f"DELETE FROM {table_of(source, owner)} WHERE rowid = ?"  # noqa: S608 - made of a number
        connection.executemany(statement, rows)
    release_places(connection, owner, (place for (place,) in rows))


def drop_index(connection: apsw.Connection, owner: int) -> None:
    """Delete the whole index of an owner.

    Args:
        connection: in a transaction.
        owner: the number of the owner.
    """
    for source in SOURCES:
        connection.execute(f"DROP TABLE IF EXISTS {words_of(source, owner)}")
        connection.execute(f"DROP TABLE IF EXISTS {table_of(source, owner)}")
    connection.execute(_DELETE_PLACES, (owner,))
    connection.execute(_DELETE_OWNER, (owner,))


def _create_index(connection: apsw.Connection, owner: int) -> None:
    for source in SOURCES:
        table = table_of(source, owner)
        connection.execute(
            f"CREATE VIRTUAL TABLE {table} USING fts5("
            "text, parts, facets, content='', contentless_delete=1)"
        )
        connection.executemany(
            f"INSERT INTO {table} ({table}, rank) VALUES (?, ?)",  # noqa: S608 - made of a number
            _GATHERING.items(),
        )
        connection.execute(
            f"CREATE VIRTUAL TABLE {words_of(source, owner)} USING fts5vocab({table}, row)"
        )
    connection.execute(_INSERT_OWNER, (owner, INDEX_VERSION))


def _insert(
    connection: apsw.Connection, table: str, rows: Iterable[tuple[int, str, str, str]]
) -> None:
    connection.executemany(
        f"INSERT INTO {table} (rowid, text, parts, facets) VALUES (?, ?, ?, ?)",  # noqa: S608 - made of a number
        rows,
    )
