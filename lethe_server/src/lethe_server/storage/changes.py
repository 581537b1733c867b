"""The log of changes: which sessions of an owner changed, in which order.

Each request that changes something adds one row for each session that it changed, in the same
transaction. So whoever follows reads the same rows live and after a pause, and a restart of the
server loses none.

* Changes are numbered for each owner on its own: the numbers tell nothing of the others (A3).
* A row carries a random `nonce`. A *place* is number and nonce of the change that was read last;
  one that is not in the log, because it was cut off, belongs to somebody else or comes from a
  database that was replaced since, is a *gap*: whoever follows must look at everything again.
* The nonce is also the `version` of the session: it differs whenever an answer may.
* Only the newest changes are kept: an owner's log is bounded.
* Whoever follows everybody has one place for each owner, in the order of their numbers; an owner
  who came meanwhile is read from the beginning.
"""

from __future__ import annotations

import itertools
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.storage.owners import find_owners
from lethe_server.storage.sessions import SessionRow, find_sessions

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

#: Changes of an owner that are kept.
KEPT_CHANGES: Final = 10_000
#: Changes that are read at a time.
PAGE_CHANGES: Final = 100
#: Turns of a session that are named at a time.
NAMED_TURNS: Final = 200

_NONCE_BITS: Final = 53  # a number in any language

_LAST: Final = """
    SELECT number, nonce FROM changes WHERE owner = ? ORDER BY number DESC LIMIT 1
"""
_ADD: Final = """
    INSERT INTO changes (owner, number, session, nonce, first_seq, last_seq)
    VALUES (?, ?, ?, ?, ?, ?)
"""
_SET_VERSION: Final = "UPDATE sessions SET version = ? WHERE owner = ? AND id = ?"
_CUT: Final = "DELETE FROM changes WHERE owner = ? AND number <= ?"
_HOLDS: Final = "SELECT count(*) FROM changes WHERE owner = ? AND number = ? AND nonce = ?"
_FIRST: Final = "SELECT min(number) FROM changes WHERE owner = ?"
_READ: Final = """
    SELECT number, nonce, session, first_seq, last_seq FROM changes
    WHERE owner = ? AND number > ? ORDER BY number LIMIT ?
"""
_TURNS: Final = """
    SELECT turn_id, seq, role, timestamp FROM turns
    WHERE owner = ? AND session = ? AND seq BETWEEN ? AND ? ORDER BY seq, turn_id LIMIT ?
"""


class SessionChange(NamedTuple):
    """What one request changed of a session.

    Args:
        session: its number.
        first_seq: place of the first turn that is new or another; `None` if there is none.
        last_seq: place of the last one.
    """

    session: int
    first_seq: int | None = None
    last_seq: int | None = None


class Place(NamedTuple):
    """How far the changes of an owner were read."""

    number: int
    nonce: int


#: How far the changes were read: of one owner one place, of everybody one for each.
Places = tuple[Place, ...]

#: Before the first change.
BEGINNING: Final = Place(0, 0)


class TurnMark(NamedTuple):
    """A turn that is new or another, or stands between such turns."""

    turn_id: str
    seq: int
    role: str
    timestamp: float | None


class ChangedSession(NamedTuple):
    """A session as it is now, and which of its turns to look at.

    Args:
        session: with its figures.
        turns: the first of them, in their order.
        more: whether there are more than these.
        owner: whose session; only where everybody is followed.
    """

    session: SessionRow
    turns: list[TurnMark]
    more: bool
    owner: str | None = None


class ChangePage(NamedTuple):
    """Some changes, folded to one for each session.

    Args:
        sessions: that changed; those of an owner in the order of their last change.
        places: behind them.
        gap: what is between the places that were asked for and `places` is not known.
    """

    sessions: list[ChangedSession]
    places: Places
    gap: bool = False


def note_changes(connection: apsw.Connection, owner: int, changes: Iterable[SessionChange]) -> None:
    """Write what a request changed.

    Args:
        connection: in a transaction.
        owner: whose sessions.
        changes: one for each session.
    """
    first = number = _last_place(connection, owner).number
    for change in changes:
        number += 1
        nonce = secrets.randbits(_NONCE_BITS)
        session, *seqs = change
        connection.execute(_ADD, (owner, number, session, nonce, *seqs))
        connection.execute(_SET_VERSION, (nonce, owner, session))
    if number > first:
        connection.execute(_CUT, (owner, number - KEPT_CHANGES))


def read_changes(
    connection: apsw.Connection, owner: str | None, places: Places | None
) -> ChangePage:
    """Read what changed behind a place.

    Args:
        connection: that reads.
        owner: whose changes; everybody's if `None`.
        places: how far they were read; `None` for all that there is now.
    """
    owners = find_owners(connection, owner)
    if owner is not None and not owners:
        return ChangePage([], (BEGINNING,), gap=places not in (None, (BEGINNING,)))
    if places is not None and len(places) > len(owners):  # of somebody else, or of others
        return _gap(connection, owners)
    if places is None:
        return ChangePage([], _last_places(connection, owners))
    sessions: list[ChangedSession] = []
    reached: list[Place] = []
    for (number, name), known in itertools.zip_longest(owners.items(), places):
        place = known or BEGINNING
        if not _is_known(connection, number, place):
            return _gap(connection, owners)
        if len(sessions) >= PAGE_CHANGES:
            reached.append(place)
            continue
        changed, behind = _read_owner(connection, number, place)
        whose = name if owner is None else None
        sessions += [each._replace(owner=whose) for each in changed]
        reached.append(behind)
    return ChangePage(sessions, tuple(reached))


def _read_owner(
    connection: apsw.Connection, owner: int, place: Place
) -> tuple[list[ChangedSession], Place]:
    """Return some changes of one owner behind a place, and the place behind them."""
    folded: dict[int, SessionChange] = {}
    rows: list[Any] = connection.execute(_READ, (owner, place.number, PAGE_CHANGES)).fetchall()
    for row in rows:
        place = Place(*row[:2])
        change = SessionChange(*row[2:])
        folded[change.session] = _fold(folded.pop(change.session, None), change)
    sessions = {row.id: row for row in find_sessions(connection, owner, list(folded))}
    changed = [
        ChangedSession(sessions[change.session], *_name_turns(connection, owner, change))
        for change in folded.values()
        if change.session in sessions
    ]
    return changed, place


def _gap(connection: apsw.Connection, owners: Iterable[int]) -> ChangePage:
    return ChangePage([], _last_places(connection, owners), gap=True)


def _last_places(connection: apsw.Connection, owners: Iterable[int]) -> Places:
    return tuple(_last_place(connection, owner) for owner in owners)


def _last_place(connection: apsw.Connection, owner: int) -> Place:
    row = connection.execute(_LAST, (owner,)).fetchone()
    return BEGINNING if row is None else Place(*row)


def _is_known(connection: apsw.Connection, owner: int, place: Place) -> bool:
    if place == BEGINNING:
        return connection.execute(_FIRST, (owner,)).get in (None, 1)
    return bool(connection.execute(_HOLDS, (owner, *place)).get)


def _fold(earlier: SessionChange | None, later: SessionChange) -> SessionChange:
    places = [later.first_seq, later.last_seq]
    if earlier is not None:
        places += [earlier.first_seq, earlier.last_seq]
    known = [place for place in places if place is not None]
    return SessionChange(later.session, min(known, default=None), max(known, default=None))


def _name_turns(
    connection: apsw.Connection, owner: int, change: SessionChange
) -> tuple[list[TurnMark], bool]:
    if change.first_seq is None:
        return [], False
    rows: list[Any] = connection.execute(_TURNS, (owner, *change, NAMED_TURNS + 1)).fetchall()
    return [TurnMark(*row) for row in rows[:NAMED_TURNS]], len(rows) > NAMED_TURNS
