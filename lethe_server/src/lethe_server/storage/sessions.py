"""Queries for sessions: lists of them and one of them.

They are plain SQL: to have a query builder make them, for each request anew, took longer than to
execute them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from lethe_server.cursors import binding_of, refused_cursor, seal, unseal
from lethe_server.search.folding import fold
from lethe_server.storage.directories import IN_PROJECT, name_of
from lethe_server.storage.owners import find_owners
from lethe_server.storage.records import NANO, Tokens
from lethe_server.storage.search_hits import cursor_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from lethe_server.storage.records import SessionKey


#: Words of a title that are looked for; more are of no use.
MAX_TITLE_WORDS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Which sessions are asked for.

    Args:
        tool: of this tool.
        host: of this machine.
        project: whose working directory this is, or ends in.
        since: active at or after, Unix seconds.
        until: active before, Unix seconds.
        relation: ``subagent``, ``fork`` or ``continuation``; ``none`` for top-level sessions.
        session: whose id is this, or begins with it.
        q: words that the title holds, whatever their case.
        sort: one of `SORTS`; the greatest first.
        limit: at most so many.
        offset: after so many.
        cursor: after the session where the last page ended.
    """

    tool: str | None = None
    host: str | None = None
    project: str | None = None
    since: float | None = None
    until: float | None = None
    relation: str | None = None
    session: str | None = None
    q: str | None = None
    sort: str = "last_activity"
    limit: int = 50
    offset: int = 0
    cursor: str | None = None


class _Models(msgspec.Struct):
    """What is read of a session's state: how many turns each model answered."""

    models: dict[str, int] = {}


_decode_models = msgspec.json.Decoder(_Models).decode


#: What a cursor is bound to: all but the page that is asked for.
_FILTERS: Final = tuple(
    each.name for each in fields(SessionFilter) if each.name not in {"limit", "offset", "cursor"}
)


class SessionRow(NamedTuple):
    """A session with its figures; see docs/api.md. `metadata` is JSON, as is `state` (`figures`).

    `version` differs whenever anything of the session or its turns does.
    """

    id: int
    owner: int
    version: int
    state: bytes
    tool: str
    host: str
    session_id: str
    title: str | None
    preview: str | None
    started_at: float | None
    last_activity: float | None
    turns: int
    prompts: int
    user_turns: int
    assistant_turns: int
    tool_turns: int
    system_turns: int
    tool_calls: int
    unmapped: int
    tokens_in: int
    tokens_out: int
    cache_read: int
    cache_write: int
    reasoning: int
    cost_nano: int
    working_dir: str | None
    git_branch: str | None
    parent_session_id: str | None
    relation: str | None
    source_file: str | None
    metadata: bytes | None

    @property
    def models(self) -> list[str]:
        """The models that answered, by name."""
        return sorted(_decode_models(self.state).models)

    @property
    def tokens(self) -> Tokens:
        """What was used, each API reply once."""
        return Tokens(
            self.tokens_in,
            self.tokens_out,
            self.cache_read,
            self.cache_write,
            self.reasoning,
            self.cost_nano,
        )

    @property
    def cost_usd(self) -> float | None:
        """The price that the tool reported, if it did."""
        return self.cost_nano / NANO or None

    @property
    def shown_title(self) -> str | None:
        """What it is called: by its title, else by what its first prompt says."""
        return self.title or self.preview


class ListedSession(NamedTuple):
    """Which session a place of a list is of; `version` as in `SessionRow`."""

    id: int
    owner: int
    version: int


class SessionPage(NamedTuple):
    """Some of the sessions that match, and how many do.

    Args:
        sessions: of the page.
        total: how many match.
        owners: names by number.
        next_cursor: where the next page begins; `None` if this is the last.
    """

    sessions: list[ListedSession]
    total: int
    owners: dict[int, str]
    next_cursor: str | None = None


_COLUMNS: Final = ", ".join(f"s.{name}" for name in SessionRow._fields)

#: What sessions can be sorted by, without a NULL, which no comparison finds.
_SORTS: Final = {
    "last_activity": "coalesce(s.last_activity, -1)",
    "started_at": "coalesce(s.started_at, -1)",
    "turns": "s.turns",
    "tokens": "s.tokens_in + s.tokens_out",
}
#: The names of these; the first is the usual one.
SORTS: Final = tuple(_SORTS)

_FIND: Final = f"""
    SELECT o.name, {_COLUMNS} FROM owners AS o CROSS JOIN sessions AS s ON s.owner = o.id
    WHERE s.tool = ? AND s.host = ? AND s.session_id = ?
"""  # noqa: S608 - made of constants alone
_FIND_OF_OWNER: Final = f"{_FIND} AND o.name = ?"
_FIND_NUMBERED: Final = f"""
    SELECT {_COLUMNS} FROM sessions AS s
    WHERE s.id IN (SELECT value FROM json_each(?)) AND +s.owner = ?
"""  # noqa: S608 - made of constants alone


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """A place in the order of sessions.

    Args:
        binding: to the list that the cursor belongs to.
        value: that was sorted by.
        names: tool, host and session.
        owner: by number, in lists of all owners.
    """

    binding: bytes
    value: float
    names: tuple[str, str, str]
    owner: int


_encode_place = msgspec.msgpack.Encoder().encode
_decode_place = msgspec.msgpack.Decoder(_Place).decode


def list_sessions(
    connection: apsw.Connection, owner: str | None, wanted: SessionFilter
) -> SessionPage:
    """Return the sessions of an owner that match, in the order that is asked for.

    Args:
        connection: that reads.
        owner: whose; everybody's if `None`.
        wanted: which.

    Raises:
        InvalidRequest: the cursor belongs to another list.
    """
    paging = _Paging(connection, owner, wanted)
    owners = find_owners(connection, owner)
    if not owners:
        return SessionPage([], 0, {})
    matching = _matching(wanted)
    if owner is not None:
        matching.insert(0, _Condition("s.owner = ?", min(owners)))
    where, values = _join(matching)
    total = connection.execute(f"SELECT count(*) FROM sessions AS s {where}", values).get  # noqa: S608 - no values
    where, values = _join([*matching, *paging.behind()])
    query = (
        f"SELECT s.id, s.owner, s.version, s.tool, s.host, s.session_id, {paging.keys[0]}"  # noqa: S608 - no values
        f" FROM sessions AS s {where}"
        f" ORDER BY {' DESC, '.join(paging.keys)} DESC LIMIT ? OFFSET ?"
    )
    values += (wanted.limit + 1, wanted.offset)
    rows: list[Any] = connection.execute(query, values).fetchall()
    sessions = [ListedSession._make(row[:3]) for row in rows[: wanted.limit]]
    last = None
    if len(rows) > wanted.limit:
        _, number, _, *names, value = rows[wanted.limit - 1]
        last = paging.seal(names, value, number)
    return SessionPage(sessions, total, owners, last)


class _Paging:
    """The order of a list, and the cursor in it.

    Of sessions with the same value the names decide, so that the order does not depend on that of
    arrival, and a cursor tells nothing of what others have stored.

    Attributes:
        keys: what is sorted by, the greatest first.
    """

    def __init__(
        self, connection: apsw.Connection, owner: str | None, wanted: SessionFilter
    ) -> None:
        self.keys = [_SORTS[wanted.sort], "s.tool", "s.host", "s.session_id"]
        self._everybody = owner is None
        if self._everybody:
            self.keys.append("s.owner")
        self._secret = cursor_secret(connection)
        filters = (getattr(wanted, name) for name in _FILTERS)
        self._binding = binding_of(("sessions", owner, *filters))
        self._place: _Place | None = None
        if wanted.cursor is not None:
            self._place = self._open(wanted.cursor)

    def behind(self) -> list[_Condition]:
        """Return what narrows a list to what stands behind the cursor."""
        if self._place is None:
            return []
        values = (self._place.value, *self._place.names, self._place.owner)[: len(self.keys)]
        marks = ", ".join("?" * len(values))
        return [
            _Condition(f"({', '.join(self.keys)}) < ({marks})", *values),
            _Condition(f"{self.keys[0]} <= ?", self._place.value),  # said again for the index
        ]

    def seal(self, names: Sequence[str], value: float, owner: int) -> str:
        """Return the cursor of a session."""
        tool, host, session_id = names
        owner = owner if self._everybody else 0
        place = _Place(self._binding, value, (tool, host, session_id), owner)
        return seal(_encode_place(place), self._secret)

    def _open(self, cursor: str) -> _Place:
        try:
            place = _decode_place(unseal(cursor, self._secret))
        except msgspec.MsgspecError:  # of another subject
            raise refused_cursor() from None
        if place.binding != self._binding:
            raise refused_cursor()
        return place


def find_named(
    connection: apsw.Connection, owner: str | None, key: SessionKey
) -> list[tuple[str, SessionRow]]:
    """Return the sessions of a name with the names of their owners: one of each owner at most.

    Args:
        connection: that reads.
        owner: whose; everybody's if `None`.
        key: the name.
    """
    query, values = (_FIND, key) if owner is None else (_FIND_OF_OWNER, (*key, owner))
    rows: list[Any] = connection.execute(query, values).fetchall()
    return [(name, SessionRow._make(columns)) for name, *columns in rows]


def find_sessions(connection: apsw.Connection, owner: int, numbers: list[int]) -> list[SessionRow]:
    """Return some sessions of an owner, in no order.

    Args:
        connection: that reads.
        owner: whose, by number.
        numbers: of the sessions.
    """
    values = (json.dumps(numbers), owner)
    rows = connection.execute(_FIND_NUMBERED, values).fetchall()
    return list(map(SessionRow._make, rows))


class _Condition:
    """A part of a `WHERE`, and its values."""

    __slots__ = ("sql", "values")

    def __init__(self, sql: str, *values: object) -> None:
        self.sql = sql
        self.values = values


def _join(conditions: list[_Condition]) -> tuple[str, tuple[object, ...]]:
    """Make a `WHERE` that demands all conditions, and return its values with it."""
    if not conditions:
        return "", ()
    values = tuple(value for each in conditions for value in each.values)
    return f"WHERE {' AND '.join(each.sql for each in conditions)}", values


def _matching(wanted: SessionFilter) -> list[_Condition]:
    """Return what a session must fulfil."""
    end = (wanted.session or "") + chr(sys.maxunicode)
    simple = (
        (wanted.tool, _Condition("s.tool = ?", wanted.tool)),
        (wanted.host, _Condition("s.host = ?", wanted.host)),
        (wanted.session, _Condition("s.session_id >= ? AND s.session_id < ?", wanted.session, end)),
        (wanted.since, _Condition("s.last_activity >= ?", wanted.since)),
        (wanted.until, _Condition("s.started_at < ?", wanted.until)),
    )
    conditions = [condition for asked, condition in simple if asked is not None]
    if wanted.project is not None:
        conditions.append(_in_project(wanted.project))
    if wanted.relation == "none":
        conditions.append(_Condition("s.relation IS NULL"))
    elif wanted.relation is not None:
        conditions.append(_Condition("s.relation = ?", wanted.relation))
    for word in fold(wanted.q or "").split()[:MAX_TITLE_WORDS]:
        title = "lethe_fold(coalesce(s.title, s.preview, ''))"
        conditions.append(_Condition(f"instr({title}, ?) > 0", word))
    return conditions


def _in_project(project: str) -> _Condition:
    name = name_of(project)
    return _Condition(IN_PROJECT.format("?"), name, name, name, name)
