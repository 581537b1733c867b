"""``opencode.db``: the tables of 1.2 and later, and those of 2.x beside or instead of them.

opencode 2 copies the messages of 1.x into its own tables and leaves the old ones as they are. A
message that stands in both is read from the newer table alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from lethe_core import Feed, Row, SqliteParser
from lethe_core.decoding import DECODING_ERRORS, decode_tolerantly
from lethe_core.jsonl import clean_session_id
from lethe_core.mapping import count, unix_time
from lethe_opencode import parts, rows
from lethe_opencode.places import Tool
from lethe_opencode.sessions import session_meta
from lethe_opencode.turns import Turns, progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lethe_core import Event, SessionEvent

#: How far changes may appear behind newer ones: several opencodes write to one database.
_OVERLAP_MILLISECONDS: Final = 5000
_SESSION: Final = ("directory", "time_created", "time_updated")
_SESSION_MORE: Final = ("parent_id", "title", "version", "agent", "time_archived")
_TIMES: Final = ("session_id", "time_created", "time_updated", "data")

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class DatabaseParser(Tool, SqliteParser):
    """Reads ``opencode.db``."""

    names: ClassVar[tuple[str, ...]] = ("opencode.db", "opencode-*.db")

    def feeds(self, schema: Mapping[str, frozenset[str]]) -> Sequence[Feed]:
        """Watch the tables of 2.x, and those of 1.x for what is not in the former."""
        feeds: list[Feed] = []
        is_new = {"session_v2", "session_message"} <= schema.keys()
        if is_new:
            feeds.append(_feed("session_v2", _SESSION, (*_SESSION_MORE, "fork_session_id")))
        if {"session", "message", "part"} <= schema.keys():
            feeds += [
                _feed("session", _SESSION, _SESSION_MORE, "session_v2" if is_new else ""),
                _feed("message", _TIMES, (), "session_message" if is_new else ""),
                _feed(
                    "part",
                    ("message_id", *_TIMES),
                    (),
                    "session_message" if is_new else "",
                    id_column="message_id",
                ),
            ]
        if is_new:
            feeds.append(_feed("session_message", ("type", "seq", *_TIMES), ()))
        return feeds

    def map_row(self, row: Row) -> Iterable[Event] | str:
        """Map a session to what is known of it, and a message to its turns."""
        match row.feed.table:
            case "session" | "session_v2":
                return self._session(row)
            case "session_message":
                return self._new_message(row)
            case "message":
                return self._message(row, row["id"])
            case _:
                return self._message(row, row["message_id"])

    def _session(self, row: Row) -> Iterator[SessionEvent]:
        yield row.session(
            clean_session_id(row["id"]),
            session_meta(row.values, str(row.source.path)),
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


def _feed(
    table: str,
    columns: tuple[str, ...],
    optional: tuple[str, ...],
    newer: str = "",
    *,
    id_column: str = "id",
) -> Feed:
    """Watch a table for rows that a newer one does not have."""
    where = f"NOT EXISTS (SELECT 1 FROM {newer} n WHERE n.id = {table}.{id_column})"  # noqa: S608
    return Feed(
        table=table,
        changed="time_updated",
        columns=columns,
        optional=optional,
        overlap=_OVERLAP_MILLISECONDS,
        where=where if newer else "",
    )


def _decoded(data: str) -> dict[str, Any]:
    raw = data.encode()
    try:
        return _decode(raw)
    except DECODING_ERRORS:
        value: dict[str, Any] = decode_tolerantly(raw, _decode, kind=dict)[0]
        return value
