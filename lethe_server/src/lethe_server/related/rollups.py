"""Sums over a part of a tree: each API reply counts once, whatever was forked or resumed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lethe_server.storage import Tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lethe_server.related.trees import Node
    from lethe_server.storage import SessionRow


@dataclass(slots=True)
class Rollup:
    """Sums over a session and all below it.

    Args:
        sessions: how many are archived.
        turns: of them.
        tool_calls: of them.
        tokens: of them.
        started_at: of the first, Unix seconds.
        last_activity: of the last.
        replies: those of the API replies in them that other sessions may have, by number.
    """

    sessions: int = 0
    turns: int = 0
    tool_calls: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    started_at: float | None = None
    last_activity: float | None = None
    replies: dict[int, Tokens] = field(default_factory=dict)

    @classmethod
    def of(cls, row: SessionRow, replies: dict[int, Tokens]) -> Rollup:
        """Return the sums of a session alone.

        Args:
            row: with its figures.
            replies: those in it that other sessions may have, by number.
        """
        return cls(
            sessions=1,
            turns=row.turns,
            tool_calls=row.tool_calls,
            tokens=row.tokens,
            started_at=row.started_at,
            last_activity=row.last_activity,
            replies=replies,
        )

    def join(self, other: Rollup) -> None:
        """Take in another part of the tree, which must not be used again."""
        mine, theirs = self.replies, other.replies
        if len(mine) < len(theirs):  # so that a long chain does not cost its length squared
            mine, theirs = theirs, mine
        tokens = self.tokens.plus(other.tokens)
        for reply, used in theirs.items():
            if reply in mine:
                tokens = tokens.minus(used)
            else:
                mine[reply] = used
        self.tokens, self.replies, other.replies = tokens, mine, {}
        self.sessions += other.sessions
        self.turns += other.turns
        self.tool_calls += other.tool_calls
        starts = [time for time in (self.started_at, other.started_at) if time is not None]
        ends = [time for time in (self.last_activity, other.last_activity) if time is not None]
        self.started_at = min(starts, default=None)
        self.last_activity = max(ends, default=None)


def roll_up(
    nodes: Sequence[Node],
    rows: Mapping[int, SessionRow],
    replies: Mapping[int, dict[int, Tokens]],
) -> list[Rollup]:
    """Return the sums of each node and all below it; their `replies` are used up.

    Args:
        nodes: each before its children.
        rows: of the sessions, by number.
        replies: that several sessions may have, by the number of each session.
    """
    rollups = [
        Rollup()
        if node.session is None
        else Rollup.of(rows[node.session], replies.get(node.session, {}))
        for node in nodes
    ]
    for index in range(len(nodes) - 1, 0, -1):
        parent = nodes[index].parent
        assert parent is not None
        rollups[parent].join(rollups[index])
    return rollups
