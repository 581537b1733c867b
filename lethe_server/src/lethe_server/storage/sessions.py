"""Queries for sessions: lists of them and one of them."""

from __future__ import annotations

import sys
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from peewee import SQL, Tuple, fn

from lethe_server.cursors import binding_of, refused_cursor, seal, unseal
from lethe_server.search.snippets import fold
from lethe_server.storage.records import NANO, Tokens
from lethe_server.storage.schema import Owner, Session
from lethe_server.storage.search_hits import cursor_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playhouse.apsw_ext import APSWDatabase  # type: ignore[import-untyped]

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


class SessionRow(NamedTuple):
    """A session with its figures; see docs/api.md. `metadata` is JSON, `models` their names.

    `version` differs whenever anything of the session or its turns does.
    """

    id: int
    owner: int
    tool: str
    host: str
    session_id: str
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
    title: str | None
    preview: str | None
    working_dir: str | None
    git_branch: str | None
    parent_session_id: str | None
    relation: str | None
    source_file: str | None
    metadata: bytes | None
    version: int
    models: str

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


class SessionPage(NamedTuple):
    """Some of the sessions that match, and how many do.

    Args:
        sessions: of the page.
        total: how many match.
        owners: names by number.
        next_cursor: where the next page begins; `None` if this is the last.
    """

    sessions: list[SessionRow]
    total: int
    owners: dict[int, str]
    next_cursor: str | None = None


# All columns of the row stand in the model, but the models, which are part of the state. They are
# one piece of SQL to the query builder: thirty cost more than the whole query (`t1` is its name
# for the only table).
_COLUMNS: Final = SQL(
    ", ".join(f"t1.{getattr(Session, name).column_name}" for name in SessionRow._fields[:-1])
    + ", json_extract(json(t1.state), '$.models')"
)


def _greatest(expression: Any) -> Any:
    """No NULL, which no comparison finds."""
    return fn.COALESCE(expression, SQL("-1"))


_SORTS: Final = {
    "last_activity": _greatest(Session.last_activity),
    "started_at": _greatest(Session.started_at),
    "turns": Session.turns,
    "tokens": Session.tokens_in + Session.tokens_out,
}
#: What sessions can be sorted by; the first is the usual one.
SORTS: Final = tuple(_SORTS)


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


def list_sessions(database: APSWDatabase, owner: str | None, wanted: SessionFilter) -> SessionPage:
    """Return the sessions of an owner that match, in the order that is asked for.

    Args:
        database: that reads.
        owner: whose; everybody's if `None`.
        wanted: which.

    Raises:
        InvalidRequest: the cursor belongs to another list.
    """
    paging = _Paging(database, owner, wanted)
    owners = find_owners(database, owner)
    if not owners:
        return SessionPage([], 0, {})
    condition = _condition(wanted)
    if owner is not None:
        condition = (Session.owner == min(owners)) & condition
    ((total,),) = _fetch(database, Session.select(fn.COUNT(SQL("*"))).where(condition))
    query = (
        Session.select(_COLUMNS, paging.keys[0])
        .where(paging.behind(condition))
        .order_by(*(key.desc() for key in paging.keys))
        .limit(wanted.limit + 1)
        .offset(wanted.offset)
    )
    rows = list(_fetch(database, query))
    sessions = [SessionRow(*row[:-1]) for row in rows[: wanted.limit]]
    more = len(rows) > wanted.limit
    last = paging.seal(sessions[-1], rows[wanted.limit - 1][-1]) if more else None
    return SessionPage(sessions, total, owners, last)


class _Paging:
    """The order of a list, and the cursor in it.

    Of sessions with the same value the names decide, so that the order does not depend on that of
    arrival, and a cursor tells nothing of what others have stored.

    Attributes:
        keys: what is sorted by, the greatest first.
    """

    def __init__(self, database: APSWDatabase, owner: str | None, wanted: SessionFilter) -> None:
        self.keys = [_SORTS[wanted.sort], Session.tool, Session.host, Session.session_id]
        self._everybody = owner is None
        if self._everybody:
            self.keys.append(Session.owner)
        self._secret = cursor_secret(database.connection())
        asked = replace(wanted, limit=0, offset=0, cursor=None)
        self._binding = binding_of(("sessions", owner, *astuple(asked)))
        self._place: _Place | None = None
        if wanted.cursor is not None:
            self._place = self._open(wanted.cursor)

    def behind(self, condition: Any) -> Any:
        """Narrow a condition to what stands behind the cursor."""
        if self._place is None:
            return condition
        values = (self._place.value, *self._place.names, self._place.owner)
        behind = Tuple(*self.keys) < Tuple(*values[: len(self.keys)])
        behind &= self.keys[0] <= self._place.value  # said again for the index
        return behind if condition is True else condition & behind

    def seal(self, row: SessionRow, value: float) -> str:
        """Return the cursor of a session."""
        names = (row.tool, row.host, row.session_id)
        place = _Place(self._binding, value, names, row.owner if self._everybody else 0)
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
    database: APSWDatabase, owner: str | None, key: SessionKey
) -> list[tuple[str, SessionRow]]:
    """Return the sessions of a name with the names of their owners: one of each owner at most.

    Args:
        database: that reads.
        owner: whose; everybody's if `None`.
        key: the name.
    """
    owners = find_owners(database, owner)
    query = Session.select(_COLUMNS).where(
        Session.owner.in_(list(owners))
        & (Session.tool == key.tool)
        & (Session.host == key.host)
        & (Session.session_id == key.session_id)
    )
    rows = [SessionRow(*row) for row in _fetch(database, query)]
    return [(owners[row.owner], row) for row in rows]


def find_sessions(database: APSWDatabase, owner: int, numbers: list[int]) -> list[SessionRow]:
    """Return some sessions of an owner, in no order.

    Args:
        database: that reads.
        owner: whose, by number.
        numbers: of the sessions.
    """
    query = Session.select(_COLUMNS).where((Session.owner == owner) & Session.id.in_(numbers))
    return [SessionRow(*row) for row in _fetch(database, query)]


def find_owners(database: APSWDatabase, owner: str | None) -> dict[int, str]:
    """Return the names of one owner or of all, by number and in this order.

    Args:
        database: that reads.
        owner: the name of one; all if `None`.
    """
    query = Owner.select(Owner.id, Owner.name).order_by(Owner.id)
    if owner is not None:
        query = query.where(Owner.name == owner)
    return {int(number): str(name) for number, name in _fetch(database, query)}


def _fetch(database: APSWDatabase, query: Any) -> Iterator[tuple[Any, ...]]:
    """Execute a query; values come as SQLite gives them.

    The query builder would look at each value once more, which costs as much as reading it.
    """
    rows: Iterator[tuple[Any, ...]] = database.connection().execute(*query.sql())
    return rows


def _condition(wanted: SessionFilter) -> Any:
    conditions: list[Any] = []
    if wanted.tool is not None:
        conditions.append(Session.tool == wanted.tool)
    if wanted.host is not None:
        conditions.append(Session.host == wanted.host)
    if wanted.project is not None:
        conditions.append(_in_project(wanted.project))
    if wanted.session is not None:
        end = wanted.session + chr(sys.maxunicode)
        conditions.append((Session.session_id >= wanted.session) & (Session.session_id < end))
    if wanted.since is not None:
        conditions.append(Session.last_activity >= wanted.since)
    if wanted.until is not None:
        conditions.append(Session.started_at < wanted.until)
    if wanted.relation == "none":
        conditions.append(Session.relation.is_null())
    elif wanted.relation is not None:
        conditions.append(Session.relation == wanted.relation)
    conditions += [
        fn.INSTR(fn.LETHE_FOLD(fn.COALESCE(Session.title, Session.preview, "")), word) > 0
        for word in fold(wanted.q or "").split()[:MAX_TITLE_WORDS]
    ]
    condition: Any = True
    for each in conditions:
        condition = each if condition is True else condition & each
    return condition


def _in_project(project: str) -> Any:
    """The working directory is the project, or ends in it at the border of a name."""
    name = project.rstrip("/\\") or project
    tail = fn.SUBSTR(Session.working_dir, -len(name) - 1)
    return (Session.working_dir == name) | tail.in_([f"/{name}", f"\\{name}"])
