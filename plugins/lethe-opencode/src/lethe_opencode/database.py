"""``opencode.db``: the tables of 1.2 and later, and those of 2.x beside or instead of them.

opencode 2 copies the messages of 1.x into its own tables and leaves the old ones as they are. A
message that stands in both is read from the newer table alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from lethe_core import Feed, Row, SqliteParser
from lethe_core.decoding import DECODING_ERRORS, decode_tolerantly
from lethe_core.mapping import clean_session_id, count, unix_time
from lethe_opencode import parts, rows
from lethe_opencode.places import Tool
from lethe_opencode.sessions import session_meta
from lethe_opencode.turns import PLACES, Turns, progress
from lethe_opencode.undone import find_undone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lethe_core import Event, SessionEvent

#: How far changes may appear behind newer ones: several opencodes write to one database.
_OVERLAP_MILLISECONDS: Final = 5000
_SESSION: Final = ("directory", "time_created", "time_updated")
_SESSION_MORE: Final = ("parent_id", "title", "version", "agent", "time_archived", "revert")
_MESSAGE: Final = ("session_id", "time_created", "time_updated", "data")
_NEW_TABLES: Final = frozenset({"session_v2", "session_message"})
_OLD_TABLES: Final = frozenset({"session", "message", "part"})
_COPIED: Final = "told by the tables of 2.x"

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class DatabaseParser(Tool, SqliteParser):
    """Reads ``opencode.db``."""

    names: ClassVar[tuple[str, ...]] = ("opencode.db", "opencode-*.db")

    def feeds(self, schema: Mapping[str, frozenset[str]]) -> Sequence[Feed]:
        """Watch the tables of 2.x, and those of 1.x for what is not in the former."""
        feeds: list[Feed] = []
        if _NEW_TABLES <= schema.keys():
            feeds += [
                _feed("session_v2", _SESSION, (*_SESSION_MORE, "fork_session_id")),
                _feed("session_message", ("type", "seq", *_MESSAGE)),
            ]
        if _OLD_TABLES <= schema.keys():
            feeds += [
                _feed("session", _SESSION, _SESSION_MORE),
                _feed("message", _MESSAGE),
                _feed("part", ("message_id", *_MESSAGE)),
            ]
        return feeds

    def map_row(self, row: Row) -> Iterable[Event] | str:
        """Map a session to what is known of it, and a message to its turns."""
        match row.feed.table:
            case "session" if _is_copied(row, "session_v2", row["id"]):
                return _COPIED
            case "session" | "session_v2":
                return self._session(row)
            case "session_message":
                return self._new_message(row)
        message_id = row["message_id"] if row.feed.table == "part" else row["id"]
        if _is_copied(row, "session_message", message_id):
            return _COPIED
        return self._message(row, message_id)

    def places(self, row: Row) -> range:
        """Give the places of a row's message. See `SqliteParser.places`."""
        created = row["time_created"]
        if row.feed.table == "part":
            sql = "SELECT time_created FROM message WHERE id = ?"
            created = next((time for (time,) in row.query(sql, row["message_id"])), created)
        start = count(created) * PLACES
        return range(start, start + PLACES)

    def _session(self, row: Row) -> Iterator[SessionEvent]:
        meta = session_meta(row.values, str(row.source.path))
        meta.metadata |= find_undone(row)
        yield row.session(
            clean_session_id(row["id"]),
            meta,
            seq=row.changed,
            timestamp=unix_time(row["time_updated"]),
        )

    def _message(self, row: Row, message_id: str) -> Iterable[Event] | str:
        """Map a message and its parts, of the last row among them that has changed."""
        places = row.query(
            "SELECT rowid, time_updated FROM part WHERE message_id = ? ORDER BY time_created, id",
            message_id,
        )
        others = [place for place in places if row.feed.table != "part" or place[0] != row.rowid]
        if any(row.awaits("part", changed, rowid) for rowid, changed in others):
            return "told with a later part"
        found = row.query(
            "SELECT session_id, time_created, time_updated, data,"
            " (SELECT count(*) FROM message earlier WHERE earlier.session_id = message.session_id"
            " AND earlier.time_created = message.time_created AND earlier.id < message.id)"
            " FROM message WHERE id = ?",
            message_id,
        )
        if not found:
            return "part without a message"
        session_id, created, changed, data, tie = found[0]
        message = _decoded(data)
        own = [
            _decoded(part)
            for rowid, _ in places
            for (part,) in row.query("SELECT data FROM part WHERE rowid = ?", rowid)
        ]
        turns = Turns(
            parser=self,
            session_id=session_id,
            message_id=message_id,
            created=count(created),
            changed=max(count(time) for time in (changed, *(place[1] for place in places))),
            progress=progress(message, own),
            tie=tie,
        )
        return parts.map_message(turns, message, own) or turns.made

    def _new_message(self, row: Row) -> Iterable[Event] | str:
        [(tie,)] = row.query(
            "SELECT count(*) FROM session_message"
            " WHERE session_id = ? AND seq < ? AND seq >= ? - 32 AND time_created = ?",
            row["session_id"],
            row["seq"],
            row["seq"],
            row["time_created"],
        )
        message = _decoded(row["data"])
        turns = Turns(
            parser=self,
            session_id=row["session_id"],
            message_id=row["id"],
            created=count(row["time_created"]),
            changed=row.changed,
            progress=progress(message, rows.objects(message.get("content"))),
            tie=tie,
        )
        return rows.map_message(turns, row["type"], message) or turns.made


def _is_copied(row: Row, table: str, name: str) -> bool:
    """Say whether what stands in an old table stands in a new one, too."""
    if not row.query("SELECT 1 FROM sqlite_master WHERE name = 'session_v2'"):
        return False  # without it, `session_message` is one of 1.16, with no messages
    return bool(row.query(f"SELECT 1 FROM {table} WHERE id = ?", name))  # noqa: S608


def _feed(table: str, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> Feed:
    return Feed(
        table=table,
        changed="time_updated",
        columns=columns,
        optional=optional,
        overlap=_OVERLAP_MILLISECONDS,
    )


def _decoded(data: str) -> dict[str, Any]:
    raw = data.encode()
    try:
        return _decode(raw)
    except DECODING_ERRORS:
        value: dict[str, Any] = decode_tolerantly(raw, _decode, kind=dict)[0]
        return value
