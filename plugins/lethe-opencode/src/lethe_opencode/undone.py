"""What of a session was undone or deleted.

To undo, opencode first names the message from which on all is undone in the session's row. With
the next prompt it deletes these messages and takes the name away. Since 1.16 a journal, the table
``event``, tells which messages were deleted, for as long as the session itself is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_core.decoding import DECODING_ERRORS
from lethe_core.mapping import count, text
from lethe_core.removals import no_removal, removal
from lethe_opencode.turns import PLACES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Row

_REVERT: Final = "revert"
_REMOVED: Final = """
    SELECT data FROM event
    WHERE aggregate_id = ? AND type >= 'message.removed' AND type < 'message.removee' ORDER BY seq
"""
_CREATED: Final = """
    SELECT json_extract(data, '$.info.id'), min(json_extract(data, '$.info.time.created'))
    FROM event
    WHERE aggregate_id = ? AND type >= 'message.updated' AND type < 'message.updatee'
        AND json_valid(data)
        AND json_extract(data, '$.info.id') IN (SELECT value FROM json_each(?))
    GROUP BY 1
"""


class _Named(msgspec.Struct, rename={"message_id": "messageID", "part_id": "partID"}):
    message_id: str
    part_id: str | None = None


_decode = msgspec.json.Decoder(_Named).decode


def find_undone(row: Row) -> dict[str, Any]:
    """Say which turns of a session are no more, as `lethe_core.removals` words it.

    Args:
        row: of the session.
    """
    messages = "message" if row.feed.table == "session" else "session_message"
    return _reverted(row, messages) | _deleted(row, messages)


def reverted_message(revert: Any) -> str:
    """Name the message that a session's file says all is undone from; none if it does not."""
    return text(revert.get("messageID")) if isinstance(revert, dict) else ""


def reverted(created: int | None, updated: int) -> dict[str, Any]:
    """Say what is undone, as `lethe_core.removals` words it.

    Args:
        created: when the first message that is undone was made, in milliseconds; `None` if none is.
        updated: when this was said.
    """
    if created is None:
        return no_removal(_REVERT)
    end = max(updated, created) + 1
    return removal(_REVERT, created * PLACES, end * PLACES, "reverted")


def _reverted(row: Row, messages: str) -> dict[str, Any]:
    named = _named(text(row["revert"]))
    sql = f"SELECT time_created FROM {messages} WHERE id = ?"  # noqa: S608 - one of two names
    for (created,) in row.query(sql, named.message_id) if named else ():
        # Of a message that is undone in part, the beginning stays.
        return reverted(count(created) + bool(named and named.part_id), count(row["time_updated"]))
    return reverted(None, 0)


def _deleted(row: Row, messages: str) -> dict[str, Any]:
    if not row.query("SELECT 1 FROM sqlite_master WHERE name = 'event' AND type = 'table'"):
        return {}
    found = (_named(data) for (data,) in row.query(_REMOVED, row["id"]))
    names = {named.message_id for named in found if named}
    if not names:
        return {}
    told: dict[str, Any] = {}
    for name, created in row.query(_CREATED, row["id"], _json(sorted(names))):
        start = count(created)
        told |= removal(name, start * PLACES, (start + 1) * PLACES, "deleted")
    sql = f"SELECT id FROM {messages} WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
    for (name,) in row.query(sql, _json(sorted(names))):
        told |= no_removal(name)  # it was put back
    return told


def _named(data: str) -> _Named | None:
    try:
        return _decode(data.encode())
    except DECODING_ERRORS:
        return None


def _json(names: Iterable[str]) -> str:
    return msgspec.json.encode(list(names)).decode()
