"""Queries for sessions: lists of them and one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from peewee import fn

from lethe_server.storage.records import NANO
from lethe_server.storage.schema import Owner, Session

if TYPE_CHECKING:
    from playhouse.apsw_ext import APSWDatabase  # type: ignore[import-untyped]

    from lethe_server.storage.records import SessionKey


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
        limit: at most so many.
        offset: after so many, the newest activity first.
    """

    tool: str | None = None
    host: str | None = None
    project: str | None = None
    since: float | None = None
    until: float | None = None
    relation: str | None = None
    limit: int = 50
    offset: int = 0


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
    def cost_usd(self) -> float | None:
        """The price that the tool reported, if it did."""
        return self.cost_nano / NANO or None


class SessionPage(NamedTuple):
    """Some of the sessions that match, and how many do; `owners` are names by number."""

    sessions: list[SessionRow]
    total: int
    owners: dict[int, str]


# All columns of the row stand in the model, but the models, which are part of the state.
_COLUMNS: Final = [
    *(getattr(Session, name) for name in SessionRow._fields[:-1]),
    fn.JSON_EXTRACT(fn.JSON(Session.state), "$.models"),
]


def list_sessions(database: APSWDatabase, owner: str | None, wanted: SessionFilter) -> SessionPage:
    """Return the sessions of an owner that match, the newest activity first.

    Args:
        database: that reads.
        owner: whose; everybody's if `None`.
        wanted: which.
    """
    whose = Owner.select(Owner.id, Owner.name)
    if owner is not None:
        whose = whose.where(Owner.name == owner)
    owners = {int(number): str(name) for number, name in whose.tuples().execute(database)}
    if not owners:
        return SessionPage([], 0, {})
    condition = _condition(wanted)
    if owner is not None:
        condition = (Session.owner == min(owners)) & condition
    total = Session.select().where(condition).count(database)
    query = (
        Session.select(*_COLUMNS)
        .where(condition)
        .order_by(Session.last_activity.desc(), Session.id.desc())
        .limit(wanted.limit)
        .offset(wanted.offset)
    )
    rows = [SessionRow(*row) for row in query.tuples().execute(database)]
    return SessionPage(rows, total, owners)


def find_session(database: APSWDatabase, owner: str, key: SessionKey) -> SessionRow | None:
    """Return one session of an owner.

    Args:
        database: that reads.
        owner: whose.
        key: its name.
    """
    number = find_owner(database, owner)
    query = Session.select(*_COLUMNS).where(
        (Session.owner == number)
        & (Session.tool == key.tool)
        & (Session.host == key.host)
        & (Session.session_id == key.session_id)
    )
    for row in query.tuples().execute(database):
        return SessionRow(*row)
    return None


def find_sessions(database: APSWDatabase, owner: int, numbers: list[int]) -> list[SessionRow]:
    """Return some sessions of an owner, in no order.

    Args:
        database: that reads.
        owner: whose, by number.
        numbers: of the sessions.
    """
    query = Session.select(*_COLUMNS).where((Session.owner == owner) & Session.id.in_(numbers))
    return [SessionRow(*row) for row in query.tuples().execute(database)]


def find_owner(database: APSWDatabase, name: str) -> int | None:
    """Return the number of an owner, or `None` if nothing was ever archived for the name.

    Args:
        database: that reads.
        name: of the owner.
    """
    for (number,) in Owner.select(Owner.id).where(Owner.name == name).tuples().execute(database):
        return int(number)
    return None


def _condition(wanted: SessionFilter) -> Any:
    conditions: list[Any] = []
    if wanted.tool is not None:
        conditions.append(Session.tool == wanted.tool)
    if wanted.host is not None:
        conditions.append(Session.host == wanted.host)
    if wanted.project is not None:
        conditions.append(_in_project(wanted.project))
    if wanted.since is not None:
        conditions.append(Session.last_activity >= wanted.since)
    if wanted.until is not None:
        conditions.append(Session.started_at < wanted.until)
    if wanted.relation == "none":
        conditions.append(Session.relation.is_null())
    elif wanted.relation is not None:
        conditions.append(Session.relation == wanted.relation)
    condition: Any = True
    for each in conditions:
        condition = each if condition is True else condition & each
    return condition


def _in_project(project: str) -> Any:
    """The working directory is the project, or ends in it at the border of a name."""
    name = project.rstrip("/\\") or project
    tail = fn.SUBSTR(Session.working_dir, -len(name) - 1)
    return (Session.working_dir == name) | tail.in_([f"/{name}", f"\\{name}"])
