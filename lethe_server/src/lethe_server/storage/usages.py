"""Usage of model APIs, counted once per reply in each session and in the archive.

A reply is named by a key. Each turn stores what its copy says of the reply; the row in `usage` is
the greatest of each field over all turns of the owner and tool that carry the key; a session's
sums hold that row once if any of its turns carries the key. So the rows are a function of the
stored turns and do not depend on the order of arrival (P4, P5).

When a row grows, because a later line of a streamed answer or a fork says more, the sums of all
sessions that share it move by the difference. When a turn that carried the key is replaced by one
that does not, or that says less, the row is computed anew from the turns that are left.

In the archive as a whole a row counts with one turn, see `lethe_server.storage.activity`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from lethe_server.storage.activity import Cell, FirstTurn, find_first_turns
from lethe_server.storage.records import NO_TOKENS, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

    from lethe_server.storage.activity import ActivityLedger

_FIND: Final = """
    SELECT u.key, u.id, t.id, t.timestamp, t.session, t.role, t.model,
        u.input, u.output, u.cache_read, u.cache_write, u.reasoning, u.cost_nano
    FROM usage AS u LEFT JOIN turns AS t ON t.owner = u.owner AND t.id = u.turn
    WHERE u.owner = ? AND u.tool = ? AND u.key IN (SELECT value FROM json_each(?))
"""
_CREATE: Final = """
    INSERT INTO usage
        (owner, tool, key, input, output, cache_read, cache_write, reasoning, cost_nano)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_FIND_MEMBERS: Final = """
    SELECT DISTINCT usage, session FROM turns
    WHERE owner = ? AND usage IN (SELECT value FROM json_each(?)) AND usage IS NOT NULL
"""
_COMPUTE: Final = """
    SELECT session, max(tokens_in), max(tokens_out), max(cache_read), max(cache_write),
        max(reasoning), max(cost_nano)
    FROM turns WHERE owner = ? AND usage = ? GROUP BY session
"""
_CHANGE: Final = """
    UPDATE usage SET input = ?, output = ?, cache_read = ?, cache_write = ?, reasoning = ?,
        cost_nano = ?, turn = ?
    WHERE owner = ? AND id = ?
"""
_DROP: Final = "DELETE FROM usage WHERE owner = ? AND id = ?"


class _Reply:
    """One API reply: what it was before this request and what the request says of it."""

    __slots__ = ("before", "claimed", "first", "id", "members", "sessions", "shrunk", "stored")

    def __init__(self) -> None:
        self.id = 0
        self.stored = NO_TOKENS  # what the row holds
        self.before = NO_TOKENS  # what the sums of `members` hold
        self.first: FirstTurn | None = None  # where it counts
        self.members: set[int] = set()
        self.claimed = NO_TOKENS
        self.sessions: set[int] = set()
        self.shrunk = False


class UsageLedger:
    """The API replies of one tool while one request is stored.

    Use: `claim` and `release` for each turn that changes; `open`; write the turns with the ids
    of `id_of`; `settle`.

    Args:
        connection: in a transaction.
        owner: whose usage.
        tool: whose usage.
    """

    def __init__(self, connection: apsw.Connection, owner: int, tool: str) -> None:
        self._connection = connection
        self._owner = owner
        self._tool = tool
        self._replies: dict[str, _Reply] = {}

    def claim(self, key: str, session: int, tokens: Tokens) -> None:
        """Note that a turn carries a key.

        Args:
            key: of the reply.
            session: of the turn.
            tokens: what the turn says.
        """
        reply = self._replies.get(key)
        if reply is None:
            reply = self._replies[key] = _Reply()
            reply.claimed = tokens
        else:
            reply.claimed = reply.claimed.maximum(tokens)
        reply.sessions.add(session)

    def release(self, key: str) -> None:
        """Note that a stored turn no longer carries a key, or says less than before."""
        self._replies.setdefault(key, _Reply()).shrunk = True

    def open(self) -> None:
        """Load the replies, and make those that are new."""
        if not self._replies:
            return
        found = self._connection.execute(
            _FIND, (self._owner, self._tool, json.dumps(list(self._replies)))
        )
        known: dict[int, _Reply] = {}
        for key, number, turn, timestamp, session, role, model, *tokens in found:
            reply = self._replies[key]
            reply.id = number
            reply.stored = reply.before = Tokens(*tokens)
            reply.first = FirstTurn(turn, Cell.of(timestamp, session, role, model))
            known[number] = reply
        self._create([key for key, reply in self._replies.items() if not reply.id])
        if known:
            members = self._connection.execute(
                _FIND_MEMBERS, (self._owner, json.dumps(list(known)))
            )
            for number, session in members:
                known[number].members.add(session)

    def id_of(self, key: str | None) -> int | None:
        """Return the id of a reply, for the row of a turn."""
        return None if key is None else self._replies[key].id

    def settle(self, activity: ActivityLedger) -> dict[int, Tokens]:
        """Bring the rows up to date; the turns are written already.

        Args:
            activity: counts each reply once.

        Returns:
            What the sums of each session move by.
        """
        moves: dict[int, Tokens] = {}
        changed: list[tuple[int, ...]] = []
        dropped: list[tuple[int, int]] = []
        numbers = [reply.id for reply in self._replies.values()]
        firsts = find_first_turns(self._connection, self._owner, numbers)
        for reply in self._replies.values():
            after, members = self._outcome(reply)
            for session in reply.members | members:
                gained = after if session in members else NO_TOKENS
                lost = reply.before if session in reply.members else NO_TOKENS
                if gained != lost:
                    move = gained.minus(lost)
                    moves[session] = moves.get(session, NO_TOKENS).plus(move)
            first = firsts.get(reply.id)
            if reply.first is not None:
                activity.move(reply.first.cell, NO_TOKENS.minus(reply.before))
            if first is None:
                dropped.append((self._owner, reply.id))
                continue
            activity.move(first.cell, after)
            if after != reply.stored or reply.first is None or first.id != reply.first.id:
                changed.append((*after, first.id, self._owner, reply.id))
        self._connection.executemany(_CHANGE, changed)
        self._connection.executemany(_DROP, dropped)
        return moves

    def _create(self, keys: Iterable[str]) -> None:
        replies = [(key, self._replies[key]) for key in keys]
        rows = [(self._owner, self._tool, key, *reply.claimed) for key, reply in replies]
        numbers = self._connection.executemany(_CREATE, rows)
        for (_, reply), (number,) in zip(replies, numbers, strict=True):
            reply.id = number
            reply.stored = reply.claimed

    def _outcome(self, reply: _Reply) -> tuple[Tokens, set[int]]:
        """Return what a reply holds now, and the sessions that carry it."""
        if not reply.shrunk:
            return reply.before.maximum(reply.claimed), reply.members | reply.sessions
        rows: list[Any] = self._connection.execute(_COMPUTE, (self._owner, reply.id)).fetchall()
        after = NO_TOKENS
        for _, *tokens in rows:
            after = after.maximum(Tokens(*tokens))
        return after, {session for session, *_ in rows}
