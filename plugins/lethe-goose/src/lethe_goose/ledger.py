"""Tokens: a row of the ledger for each request, and the sums of sessions that are older than it.

goose counts what was read from a cache, and written to it, as part of the input.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_core import Usage
from lethe_core.mapping import clean_session_id, count, price, text, unix_time
from lethe_goose.messages import MOST_TURNS, second_of, start_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lethe_core import Event, Row

_COLUMNS: Final = "SELECT name FROM pragma_table_info('usage_ledger')"


class Tokens(NamedTuple):
    """Tokens as goose counts them: the input has what the caches gave and took."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @classmethod
    def of(cls, values: Mapping[str, Any], prefix: str = "") -> Tokens:
        """Read the columns of a row.

        Args:
            values: its columns.
            prefix: of their names.
        """
        return cls(*(count(values[f"{prefix}{name}_tokens"]) for name in cls._fields))

    def less(self, other: Tokens) -> Tokens:
        """Give what is left of them."""
        return Tokens(*(max(0, mine - told) for mine, told in zip(self, other, strict=True)))

    def usage(self, key: str) -> Usage | None:
        """Make the usage of a reply, or of a session; `None` if nothing was used."""
        if not any(self):
            return None
        return Usage(
            key=key,
            input=max(0, self.input - self.cache_read - self.cache_write),
            output=self.output,
            cache_read=self.cache_read,
            cache_write=self.cache_write,
        )


def told_by_ledger(row: Row) -> Tokens:
    """Add up what the ledger tells of a session.

    Args:
        row: of `sessions`.
    """
    columns = {name for (name,) in row.query(_COLUMNS)}
    if not columns:
        return Tokens()
    sums = (
        f"ifnull(sum({name}_tokens), 0)" if f"{name}_tokens" in columns else "0"
        for name in Tokens._fields
    )
    sql = f"SELECT {', '.join(sums)} FROM usage_ledger WHERE session_id = ?"  # noqa: S608 - known names
    [told] = row.query(sql, row["id"])
    return Tokens(*told)


def usage_key(*about: Any) -> str:
    """Name what was used.

    Args:
        *about: what tells it apart; sessions are numbered on each machine anew, so that their
            names alone do not.
    """
    words = repr(about).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(words, digest_size=12).hexdigest()


def map_ledger(row: Row) -> list[Event] | str:
    """Map a row of the ledger.

    Args:
        row: the row.
    """
    tokens = Tokens.of(row.values)
    key = usage_key(row["session_id"], row["created_timestamp"], row.rowid, *tokens)
    usage = tokens.usage(key)
    if usage is None:
        return "nothing used"
    start = start_of(second_of(row["created_timestamp"]), row.rowid)
    turn = row.turn(
        session_id=clean_session_id(row["session_id"]),
        turn_id=f"usage.{row.rowid}",
        seq=start + MOST_TURNS - 1,
        role="system",
        timestamp=unix_time(row["created_timestamp"]),
        model=text(row["model"]) or None,
        cost_usd=price(row["cost"]) or None,
        usage=usage,
        metadata={"kind": "usage"} | ({"compaction": True} if row["is_compaction"] else {}),
    )
    return [turn]
