"""What is found out for the first page of a search: how many hits there are, and which are ranked.

Hits of one word alone are counted first and scored then: counting them is cheap, and only the page
leaves SQLite. To find those of several words or of a phrase is most of the cost of a few, and to
find those of a prefix is most of the cost of any number: they are counted and scored by one
statement, and come as rows.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from lethe_server.errors import QueryTimeout
from lethe_server.search.cursors import Figures
from lethe_server.search.expressions import leaf_expression, prefixes_of
from lethe_server.search.prefixes import check_prefixes
from lethe_server.storage.places import FIRST, LAST, slot_end, slot_start
from lethe_server.storage.ranking import Worth, make_scoring, word_weight
from lethe_server.storage.search_hits import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lethe_server.search.expressions import Match
    from lethe_server.search.plans import OwnerPlan
    from lethe_server.search.query import Phrase, Query
    from lethe_server.storage.ranking import Scoring
    from lethe_server.storage.search_hits import Bounds, HitReader, HitRow, UnrankedRow
    from lethe_server.storage.search_index import Source

#: Hits that are all scored.
CANDIDATES: Final = 10_000
#: Of more hits, so many of each owner and source are scored: whoever looks for a word that is
#: everywhere looks for what was said lately.
NEWEST: Final = 2_000
#: So many hits cost less as rows than to be found once more.
_FEW: Final = 500

Order = Literal["rank", "time"]


class Table(NamedTuple):
    """One table of the index, and what is looked for in it.

    Args:
        plan: of the owner whose table it is.
        source: what is indexed in it.
        match: the words.
    """

    plan: OwnerPlan
    source: Source
    match: Match

    @property
    def reader(self) -> HitReader:
        """What reads the table."""
        return self.plan.readers[self.source]

    def tally(self, figures: Figures) -> tuple[int, int]:
        """Count hits, no further than anybody wants to know, and tell the newest place."""
        total, newest = self.reader.tally(self._wanted(figures), CANDIDATES + 1)
        if total > CANDIDATES:  # it was not the newest where the counting ended
            newest = self.place_at(figures, 1)
        return total, newest

    def places(self, figures: Figures, limit: int) -> list[int]:
        """Return the places of at most so many of the newest hits."""
        return self.reader.places(self._wanted(figures), limit)

    def place_at(self, figures: Figures, depth: int) -> int:
        """Return the place of one of the newest hits, which there must be."""
        return self.reader.place_at(self._wanted(figures), depth)

    def best(self, figures: Figures, bounds: Bounds) -> list[HitRow]:
        """Return the best hits."""
        return self.reader.best(self._wanted(figures), bounds, self._scoring(figures))

    def scored(self, figures: Figures, limit: int) -> list[HitRow]:
        """Return at most so many of the newest hits, the newest first."""
        return self.reader.scored(self._wanted(figures), limit, self._scoring(figures))

    def _wanted(self, figures: Figures) -> Wanted:
        window = self.plan.window(*figures.times)
        window = window._replace(
            first=max(window.first, figures.since), last=min(window.last, figures.until)
        )
        return Wanted(self.match.expression, window, self.plan.sessions)

    def _scoring(self, figures: Figures) -> Scoring:
        return make_scoring(self.source, _worths(self.match, figures.weights))


class Found(NamedTuple):
    """What is known of a table.

    Args:
        table: which.
        total: how many hits it has; at least, if they are more than `CANDIDATES`.
        newest: the place of the newest.
        rows: the hits, the newest first, with a score or without; no more of them than tell that
            there are more than `CANDIDATES`. `None` if they were only counted.
    """

    table: Table
    total: int
    newest: int
    rows: list[UnrankedRow] | None = None


class Survey:
    """Finds out what the pages of a search have in common.

    Args:
        query: what is looked for.
        plans: of each owner whose turns may be found.
        order: the best hits first, or the newest.

    Attributes:
        leaves: the words and phrases that are looked for.
        is_ranked: whether hits have scores: conditions alone have none.
    """

    def __init__(self, query: Query, plans: dict[int, OwnerPlan], *, order: Order) -> None:
        self._plans = plans
        self._query = query
        self.leaves: tuple[Phrase, ...] = next(iter(plans.values())).match(()).leaves
        self.is_ranked = order == "rank" and bool(self.leaves)
        self._sources = {source for plan in plans.values() for source in plan.readers}

    def tables(self, figures: Figures) -> Iterator[Table]:
        """Return the tables that are searched; no hit is found in two of the same source."""
        whole = {self.leaves[index] for index in figures.exact_leaves}
        for plan in self._plans.values():
            for match in plan.matches(whole):
                for source in plan.readers:
                    yield Table(plan, source, match)

    def check(self, tables: Iterable[Table]) -> set[str]:
        """Refuse a search that cannot be answered in time.

        Returns:
            The prefixes that stand for nothing but themselves.

        Raises:
            QueryTimeout: too many words begin like one of the words.
        """
        return check_prefixes((table.reader, table.match) for table in tables)

    def begin(self) -> tuple[Figures, list[Found]]:
        """Find the hits, as far as anybody wants to know of them.

        Returns:
            The figures of the search, and what is known of each table.

        Raises:
            QueryTimeout: too many words begin like one of the words.
        """
        figures = Figures(
            exact_leaves=[],
            # What a word alone counts is the same for all of its hits.
            weights=[1.0 for _ in self.leaves],
            times=(self._query.since, self._query.until),
            since=FIRST,
            until=LAST,
        )
        tables = list(self.tables(figures))
        found = [self._count(table, figures) for table in tables if table.match.is_word]
        widened = any(table.match.prefixes for table in tables)
        if found and widened and sum(each.total for each in found) > CANDIDATES:
            # A lone word that has hits enough is not widened to longer ones.
            figures = msgspec.structs.replace(figures, exact_leaves=[0])
        elif len(self.leaves) > 1 or (widened and not found):
            figures = self._weighed(figures)
        figures = self._shortened(figures)
        others = (table for table in self.tables(figures) if not table.match.is_word)
        found += [self._find(table, figures) for table in others]
        return self._bounded(figures, found), found

    def _weighed(self, figures: Figures) -> Figures:
        """Find out what words count, over all owners, and which prefixes are common words.

        What is common in the archive may be rare in a session, or on a day: there it goes on.
        """
        rows = sum(reader.rows() for reader in self._readers())
        counts = [self._count_leaf(leaf) for leaf in self.leaves]
        common = [] if self._query.is_narrowed else self._common_prefixes()
        weights = [word_weight(rows, count) for count in counts]
        return msgspec.structs.replace(figures, exact_leaves=common, weights=weights)

    def _shortened(self, figures: Figures) -> Figures:
        """Let prefixes that nothing longer begins with count as whole words.

        So do common words if too much begins like them: what they stand for is an answer, too.
        """
        try:
            alone = self.check(self.tables(figures))
        except QueryTimeout:
            common = self._common_prefixes()
            if common == figures.exact_leaves:
                raise
            figures = msgspec.structs.replace(figures, exact_leaves=common)
            alone = self.check(self.tables(figures))
        exact = [
            index
            for index, leaf in enumerate(self.leaves)
            if index in figures.exact_leaves
            or (leaf.prefix and alone.issuperset(prefixes_of(leaf)))
        ]
        return msgspec.structs.replace(figures, exact_leaves=exact)

    def _readers(self) -> Iterator[HitReader]:
        return (reader for plan in self._plans.values() for reader in plan.readers.values())

    def _common_prefixes(self) -> list[int]:
        """Return the prefixes, by index, that have hits enough as whole words."""
        return [
            index
            for index, leaf in enumerate(self.leaves)
            if leaf.prefix and self._count_leaf(leaf) > CANDIDATES
        ]

    def _count_leaf(self, leaf: Phrase) -> int:
        """Count the rows that have a word, in each table no further than matters."""
        expression = leaf_expression(leaf)
        return sum(reader.count(expression, CANDIDATES + 1) for reader in self._readers())

    def _count(self, table: Table, figures: Figures) -> Found:
        # Of two sources it must be known which hits belong to the same turn.
        if len(self._sources) > 1:
            return self._list(table, figures)
        return Found(table, *table.tally(figures))

    def _find(self, table: Table, figures: Figures) -> Found:
        """Find what is dear to find, by one statement if possible."""
        widened = bool(table.match.prefixes)  # each statement puts them together anew
        if not self.is_ranked:
            return self._list(table, figures) if widened else self._count(table, figures)
        limit = CANDIDATES if widened else min(_FEW, CANDIDATES)
        rows = table.scored(figures, limit + 1)
        if widened or len(rows) <= limit:
            return Found(table, len(rows), -rows[0][1] if rows else FIRST, [*rows])
        return self._count(table, figures)

    def _list(self, table: Table, figures: Figures) -> Found:
        number, source = table.plan.number, table.source
        places = table.places(figures, CANDIDATES + 1)
        rows: list[UnrankedRow] = [(None, -place, number, source) for place in places]
        return Found(table, len(rows), places[0] if places else FIRST, rows)

    def _bounded(self, figures: Figures, found: list[Found]) -> Figures:
        """Tell how many hits there are, and from where to where they count."""
        total = sum(each.total for each in found)
        if len(self._sources) > 1 and all(each.total <= CANDIDATES for each in found):
            rows = itertools.chain.from_iterable(each.rows or () for each in found)
            total = len({row[1:3] for row in rows})
        newest = max((each.newest for each in found), default=FIRST)
        recent = total > CANDIDATES
        since = figures.since
        if recent and self.is_ranked:
            deepest = min(NEWEST, CANDIDATES)
            floor = max(_floor(each, figures, deepest) for each in found)
            since = max(since, slot_start(floor))
        return msgspec.structs.replace(
            figures,
            since=since,
            until=min(figures.until, slot_end(newest)),  # what is newer stays out
            total=min(total, CANDIDATES),
            recent=recent,
        )


def _floor(found: Found, figures: Figures, deepest: int) -> int:
    """Return the place of the hit that is so deep in a table."""
    if found.total < deepest:
        return FIRST
    if found.rows is not None:
        return -found.rows[deepest - 1][1]
    return found.table.place_at(figures, deepest)


def _worths(match: Match, weights: Sequence[float]) -> list[list[Worth]]:
    """Return what the strings of each leaf count; those that only exclude belong to none."""
    leaves: list[list[Worth]] = [[] for _ in match.leaves]
    for index, string in enumerate(match.strings):
        if string.leaf >= 0:
            leaves[string.leaf].append(Worth(index, weights[string.leaf] * string.worth))
    return [sorted(leaf, key=lambda worth: -worth.weight) for leaf in leaves]
