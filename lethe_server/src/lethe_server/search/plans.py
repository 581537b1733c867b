"""Plans: a query, put in terms of what one owner has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lethe_server.search.expressions import Match, compile_match, compile_matches, facet
from lethe_server.storage.places import window_of
from lethe_server.storage.search_hits import (
    MAX_NAMED_SESSIONS,
    HitReader,
    sessions_in,
    sessions_named,
)
from lethe_server.storage.search_index import SOURCES, session_facet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import apsw

    from lethe_server.search.query import Condition, Phrase, Query
    from lethe_server.storage.places import Window
    from lethe_server.storage.search_hits import IndexedOwner
    from lethe_server.storage.search_index import Source

_Facets = tuple[bool, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class OwnerPlan:
    """How to search the turns of one owner.

    Args:
        owner: whose.
        query: what is looked for.
        facets: what of it the index knows as words.
        sessions: only of these, if they are too many to be words.
        readers: of each source that is searched.
    """

    owner: IndexedOwner
    query: Query
    facets: tuple[_Facets, ...]
    sessions: frozenset[int] | None
    readers: dict[Source, HitReader]

    @property
    def number(self) -> int:
        """Of the owner."""
        return self.owner.number

    def window(self, since: float | None, until: float | None) -> Window:
        """Return where the turns of a span of time stand.

        Args:
            since: Unix seconds, not before.
            until: Unix seconds, before.
        """
        return window_of(since, until, self.owner.delay)

    def match(self, whole: Collection[Phrase]) -> Match:
        """Return the expression to look for.

        Args:
            whole: prefixes that count as whole words.
        """
        return compile_match(self.query.wanted, self.query.excluded, self.facets, whole)

    def matches(self, whole: Collection[Phrase]) -> tuple[Match, ...]:
        """Return the expressions to look for, none of which finds what another does.

        Args:
            whole: prefixes that count as whole words.
        """
        return compile_matches(self.query.wanted, self.query.excluded, self.facets, whole)


def searched_sources(*, outputs: bool) -> tuple[Source, ...]:
    """Return what is searched.

    Args:
        outputs: whether outputs of tools are, too.
    """
    return SOURCES if outputs else ("turns",)


def plan_owner(
    connection: apsw.Connection, owner: IndexedOwner, query: Query, sources: Iterable[Source]
) -> OwnerPlan | None:
    """Make the plan for one owner; `None` if nothing of the owner can be found.

    Args:
        connection: that reads.
        owner: whose turns.
        query: what is looked for.
        sources: what is searched.
    """
    facets: list[_Facets] = []
    sessions: frozenset[int] | None = None
    for condition in query.conditions:
        if condition.field not in ("session", "project"):
            words = tuple(facet(condition.field, value) for value in condition.values)
            facets.append((condition.negated, words))
            continue
        chosen = _sessions_of(connection, owner.number, condition)
        if not chosen and not condition.negated:
            return None
        if len(chosen) <= MAX_NAMED_SESSIONS or condition.negated:
            facets.append((condition.negated, tuple(map(session_facet, sorted(chosen)))))
        else:
            sessions = chosen if sessions is None else sessions & chosen
    readers = {source: HitReader(connection, source, owner.number) for source in sources}
    kept = tuple((negated, words) for negated, words in facets if words)
    return OwnerPlan(owner, query, kept, sessions, readers)


def _sessions_of(connection: apsw.Connection, owner: int, condition: Condition) -> frozenset[int]:
    find = sessions_in if condition.field == "project" else sessions_named
    return frozenset(
        number for value in condition.values for number in find(connection, owner, value)
    )
