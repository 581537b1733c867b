"""Activity: what happened in each quarter of an hour, kept exact while turns come and change.

    activity    owner, slot, session, role, model -> turns and tokens

A *slot* is a quarter of an hour since 1970, UTC: every day of every time zone of our times is a
whole number of them. Statistics add up these rows, which are far fewer than turns, and never look
at the turns themselves but for the two slots that a span of time cuts through. The slot `ALL_TIME`
holds the sums of all others: what is asked of the whole archive costs its sessions, however long
these are.

A turn counts in its cell. The tokens of an API reply count once in the whole archive, however many
turns and sessions carry it: in the cell of its *first turn*, `usage.turn`, which is the earliest
by time (a turn without a time is the last), then by host, session and place. That is a function
of the turns that are stored, so that no order of arrival changes any sum (P4).
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from lethe_server.storage.records import NO_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

    from lethe_server.storage.figures import TurnFacts
    from lethe_server.storage.records import Tokens

#: Seconds of a slot.
SLOT_SECONDS: Final = 900
#: The slot of turns without a time.
TIMELESS: Final = -1
#: The slot that holds the sums of all others.
ALL_TIME: Final = -2

#: The columns that hold the numbers of `Tokens`, in their order.
FIGURES: Final = (
    "tokens_in",
    "tokens_out",
    "cache_read",
    "cache_write",
    "reasoning",
    "cost_nano",
)
#: The columns of a cell that are added up.
SUMS: Final = ("turns", *FIGURES)

#: The order of the turns that carry a reply; the first of them is where it counts.
FIRST_TURN_ORDER: Final = "t.timestamp IS NULL, t.timestamp, s.host, s.session_id, t.seq, t.turn_id"

_FIND_FIRST_TURNS: Final = f"""
    SELECT t.usage, t.id, t.timestamp, t.session, t.role, t.model
    FROM turns AS t JOIN sessions AS s ON s.owner = t.owner AND s.id = t.session
    WHERE t.owner = ? AND t.usage IN (SELECT value FROM json_each(?)) AND t.usage IS NOT NULL
    ORDER BY {FIRST_TURN_ORDER}
"""  # noqa: S608 - made of the constant above alone
_MOVE: Final = f"""
    INSERT INTO activity ({", ".join(SUMS)}, owner, slot, session, role, model)
    VALUES ({", ".join("?" for _ in SUMS)}, ?, ?, ?, ?, ?)
    ON CONFLICT (owner, slot, session, role, model) DO UPDATE SET
        {", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)}
"""  # noqa: S608 - made of the constants above alone
_DROP_EMPTY: Final = """
    DELETE FROM activity
    WHERE owner = ? AND slot = ? AND session = ? AND role = ? AND model = ? AND turns = 0
"""


class Cell(NamedTuple):
    """Where a turn counts.

    Args:
        slot: from `slot_of`.
        session: by number.
        role: who speaks.
        model: that answered; empty if none did.
    """

    slot: int
    session: int
    role: str
    model: str

    @classmethod
    def of(cls, timestamp: float | None, session: int, role: str, model: str | None) -> Cell:
        """Return the cell of a turn."""
        return cls(slot_of(timestamp), session, role, model or "")


class FirstTurn(NamedTuple):
    """The turn that an API reply counts with.

    Args:
        id: of the turn.
        cell: of the turn.
    """

    id: int
    cell: Cell


def slot_of(timestamp: float | None) -> int:
    """Return the quarter of an hour of a time.

    Args:
        timestamp: Unix seconds, not negative.
    """
    return TIMELESS if timestamp is None else int(timestamp) // SLOT_SECONDS


class ActivityLedger:
    """What moves in the activity of an owner while one request is stored.

    Args:
        connection: in a transaction.
        owner: whose.
    """

    def __init__(self, connection: apsw.Connection, owner: int) -> None:
        self._connection = connection
        self._owner = owner
        self._turns: defaultdict[Cell, int] = defaultdict(int)
        self._tokens: defaultdict[Cell, Tokens] = defaultdict(lambda: NO_TOKENS)

    def add(self, session: int, facts: TurnFacts) -> None:
        """Count a turn.

        Args:
            session: of the turn.
            facts: of the turn.
        """
        cell = Cell.of(facts.timestamp, session, facts.role, facts.model)
        self._turns[cell] += 1
        self.move(cell, facts.tokens)

    def remove(self, session: int, facts: TurnFacts) -> None:
        """Take a turn off that is counted."""
        cell = Cell.of(facts.timestamp, session, facts.role, facts.model)
        self._turns[cell] -= 1
        self.move(cell, NO_TOKENS.minus(facts.tokens))

    def move(self, cell: Cell, tokens: Tokens) -> None:
        """Count tokens, or take them off."""
        if any(tokens):
            self._tokens[cell] = self._tokens[cell].plus(tokens)

    def save(self) -> None:
        """Write what has moved."""
        self._sum_up()
        cells = sorted({*self._turns, *self._tokens})
        moves = ((self._turns[cell], *self._tokens[cell], self._owner, *cell) for cell in cells)
        self._connection.executemany(_MOVE, [move for move in moves if any(move[:7])])
        left = [(self._owner, *cell) for cell, turns in self._turns.items() if turns < 0]
        self._connection.executemany(_DROP_EMPTY, left)

    def _sum_up(self) -> None:
        """Add up the slots: there are far fewer than turns."""
        for cell, turns in list(self._turns.items()):
            self._turns[cell._replace(slot=ALL_TIME)] += turns
        for cell, tokens in list(self._tokens.items()):
            total = cell._replace(slot=ALL_TIME)
            self._tokens[total] = self._tokens[total].plus(tokens)


def find_first_turns(
    connection: apsw.Connection, owner: int, replies: Iterable[int]
) -> dict[int, FirstTurn]:
    """Return the turn that each API reply counts with; none for one that no turn carries.

    Args:
        connection: any.
        owner: whose.
        replies: by number.
    """
    found: dict[int, FirstTurn] = {}
    for reply, turn, *where in connection.execute(
        _FIND_FIRST_TURNS, (owner, json.dumps(list(replies)))
    ):
        if reply not in found:
            found[reply] = FirstTurn(turn, Cell.of(*where))
    return found
