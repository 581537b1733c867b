"""One page of a search, from beginning to end, on one connection that reads.

The best hits of a word that is everywhere cannot be found without scoring each of them. So no more
than `CANDIDATES` hits are scored, the newest, and the answer says when there were more (`recent`).
The figures of the first page (`cursors.Figures`) hold for the later ones: a row that is stored
meanwhile changes neither the scores nor the places of the others, and what is newer than the
first page stays out. So no row comes twice and none that was there is missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from lethe_server.search.cursors import (
    VERSION,
    Cursor,
    Figures,
    binding_of,
    open_cursor,
    seal_cursor,
)
from lethe_server.search.expressions import leaf_expression
from lethe_server.search.plans import OwnerPlan, plan_owner
from lethe_server.search.ranking import SOURCE_WEIGHTS, Totals, score_argument, word_weight
from lethe_server.search.snippets import SnippetMaker
from lethe_server.storage.places import FIRST, LAST, place_of
from lethe_server.storage.search_hits import (
    FoundTurn,
    Window,
    cursor_secret,
    indexed_owners,
    read_page,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from lethe_server.search.query import Phrase, Query
    from lethe_server.storage.search_index import Source

#: Hits that are scored; of more, the newest.
CANDIDATES: Final = 10_000

Order = Literal["rank", "time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked for.

    Args:
        query: the words and conditions.
        identity: all that makes it another search than others; a cursor is bound to it.
        owner: whose turns; `None` for everybody's.
        include_outputs: whether outputs of tools are searched, too.
        order: the best first, or the newest.
        limit: hits of a page.
        cursor: where the last page ended.
    """

    query: Query
    identity: tuple[object, ...]
    owner: str | None
    include_outputs: bool = False
    order: Order = "rank"
    limit: int = 50
    cursor: str | None = None


class Result(NamedTuple):
    """A hit of a page.

    Args:
        owner: whose turn it is.
        turn: what was found.
        snippet: a part of the text, with marks.
        source: where the words stand.
        rank: from 0 to 1, the best hit of the whole answer; `None` if hits are not ranked.
    """

    owner: str
    turn: FoundTurn
    snippet: str
    source: Source
    rank: float | None


class SearchPage(NamedTuple):
    """A page of an answer.

    Args:
        results: in order.
        total: how many hits there are; at least, if `more`.
        more: whether there are more hits than were counted.
        recent: whether only the newest hits were ranked.
        next_cursor: where the next page begins; `None` if this is the last.
    """

    results: Sequence[Result] = ()
    total: int = 0
    more: bool = False
    recent: bool = False
    next_cursor: str | None = None


class _Hit(NamedTuple):
    """A hit; sorts by what comes first."""

    minus_score: float
    minus_place: int
    owner: int
    source: Source

    @property
    def key(self) -> tuple[float, int, int]:
        return self[:3]


def search_turns(connection: apsw.Connection, search: Search) -> SearchPage:
    """Find one page of turns.

    Args:
        connection: that reads.
        search: what is asked for.

    Raises:
        InvalidRequest: the cursor belongs to another search.
    """
    connection.execute("BEGIN")  # all that follows sees the same rows
    try:
        return _Searching(connection, search).page()
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


class _Searching:
    def __init__(self, connection: apsw.Connection, search: Search) -> None:
        self._connection = connection
        self._search = search
        self._secret = cursor_secret(connection)
        self._binding = binding_of(search.identity)
        self._cursor: Cursor | None = None
        if search.cursor is not None:
            self._cursor = open_cursor(search.cursor, self._binding, self._secret)
        self._sources: tuple[Source, ...] = (
            ("turns", "outputs") if search.include_outputs else ("turns",)
        )
        self._plans = self._plan()

    def page(self) -> SearchPage:
        if not self._plans:
            return SearchPage()
        ranked = self._search.order == "rank" and bool(self._leaves)
        if self._cursor is None:
            figures, hits = self._first_page(ranked=ranked)
        else:
            figures, hits = self._next_page(self._cursor, ranked=ranked)
        shown = hits[: self._search.limit]
        return SearchPage(
            results=self._read(shown, figures.best if ranked else None),
            total=figures.total,
            more=figures.recent,
            recent=ranked and figures.recent,
            next_cursor=self._seal(shown[-1], figures) if len(hits) > len(shown) else None,
        )

    @cached_property
    def _leaves(self) -> tuple[Phrase, ...]:
        return next(iter(self._plans.values())).match(()).leaves

    def _plan(self) -> dict[int, OwnerPlan]:
        """Make a plan for each owner whose turns may be found."""
        if self._search.query.hopeless:
            return {}
        wanted = self._search.owner
        plans = (
            plan_owner(self._connection, number, name, self._search.query, self._sources)
            for number, name in indexed_owners(self._connection, wanted)
        )
        return {plan.number: plan for plan in plans if plan is not None}

    # Pages ---------------------------------------------------------------------------------

    def _first_page(self, *, ranked: bool) -> tuple[Figures, list[_Hit]]:
        query = self._search.query
        window = Window(
            FIRST if query.since is None else place_of(query.since),
            LAST if query.until is None else place_of(query.until),
        )
        figures = self._measure(window)
        hits = self._hits(figures, CANDIDATES + 1, ranked=ranked)
        floor = self._floor(hits, window.first)
        recent = floor > window.first
        kept = [hit for source in hits for hit in source if -hit.minus_place >= floor]
        merged = _merged(kept)
        newest = max((-hit.minus_place for hit in merged), default=window.last - 1)
        figures = Figures(
            exact_leaves=figures.exact_leaves,
            weights=figures.weights,
            means=figures.means,
            since=floor if ranked else window.first,
            until=min(window.last, newest + 1),
            total=len(merged),
            recent=recent,
            best=max((-hit.minus_score for hit in merged), default=0.0),
        )
        return figures, merged

    def _next_page(self, cursor: Cursor, *, ranked: bool) -> tuple[Figures, list[_Hit]]:
        figures = cursor.figures
        after = (-cursor.score, -cursor.place, cursor.owner)
        if ranked:
            hits = self._hits(figures, 2 * CANDIDATES, ranked=True)
        else:
            rest = Figures(
                exact_leaves=figures.exact_leaves,
                weights=figures.weights,
                means=figures.means,
                since=figures.since,
                until=cursor.place + 1,
            )
            # As many as stand at the same place, of different owners, may have been shown.
            limit = self._search.limit + 1 + len(self._plans)
            hits = self._hits(rest, limit, ranked=False)
        merged = _merged([hit for source in hits for hit in source])
        return figures, [hit for hit in merged if hit.key > after]

    def _hits(self, figures: Figures, limit: int, *, ranked: bool) -> list[list[_Hit]]:
        """Return the newest hits of each owner and source."""
        window = Window(figures.since, figures.until)
        whole = {self._leaves[index] for index in figures.exact_leaves}
        found: list[list[_Hit]] = []
        for number, plan in self._plans.items():
            match = plan.match(whole)
            for source in self._sources:
                argument = None
                if ranked:
                    weights = [
                        figures.weights[string.leaf] * string.worth if string.leaf >= 0 else 0.0
                        for string in match.strings
                    ]
                    argument = score_argument(figures.means[source], weights)
                factor = SOURCE_WEIGHTS[source]
                rows = plan.readers[source].newest(
                    match.expression, window, limit, argument=argument, sessions=plan.sessions
                )
                found.append(
                    [_Hit(-score * factor, -place, number, source) for place, score in rows]
                )
        return found

    def _floor(self, hits: list[list[_Hit]], first: int) -> int:
        """Return the oldest place from which on all hits are known, `CANDIDATES` at most."""
        floors = [-each[CANDIDATES - 1].minus_place for each in hits if len(each) > CANDIDATES]
        if not floors:
            places = sorted({hit.minus_place for each in hits for hit in each})
            if len(places) > CANDIDATES:
                floors.append(-places[CANDIDATES - 1])
        return max(floors, default=first)

    # Figures -------------------------------------------------------------------------------

    def _measure(self, window: Window) -> Figures:
        """Count what the scores depend on, over all owners that are searched."""
        totals = {source: self._totals(source) for source in self._sources}
        rows = sum(total.rows for total in totals.values())
        counts = [self._count(leaf) for leaf in self._leaves]
        # A prefix widens a word that is seldom: of a common one there are hits enough.
        common = [
            index
            for index, (leaf, count) in enumerate(zip(self._leaves, counts, strict=True))
            if leaf.prefix and count > CANDIDATES
        ]
        return Figures(
            exact_leaves=common,
            weights=[word_weight(rows, count) for count in counts],
            means={source: total.mean for source, total in totals.items()},
            since=window.first,
            until=window.last,
        )

    def _totals(self, source: Source) -> Totals:
        totals = Totals()
        for plan in self._plans.values():
            totals = totals.plus(plan.readers[source].totals())
        return totals

    def _count(self, leaf: Phrase) -> int:
        """Count the rows that have a word, in each table no further than matters."""
        return sum(
            reader.count(leaf_expression(leaf), CANDIDATES + 1)
            for plan in self._plans.values()
            for reader in plan.readers.values()
        )

    # Results -------------------------------------------------------------------------------

    def _read(self, hits: Sequence[_Hit], best: float | None) -> list[Result]:
        """Read the turns of a page, and cut their snippets."""
        snippets = SnippetMaker(self._leaves)
        results: dict[tuple[float, int, int], Result] = {}
        for number, plan in self._plans.items():
            own = {-hit.minus_place: hit for hit in hits if hit.owner == number}
            for turn in read_page(self._connection, number, own):
                hit = own[turn.place]
                text = turn.content if hit.source == "turns" else turn.outputs
                rank = None if best is None else round(-hit.minus_score / best, 6) if best else 1.0
                # The text is dropped here: a page of long turns must not be held at once.
                results[hit.key] = Result(
                    plan.name,
                    turn._replace(content="", payload=None),
                    snippets.cut(text),
                    hit.source,
                    rank,
                )
        return [results[hit.key] for hit in hits]

    def _seal(self, last: _Hit, figures: Figures) -> str:
        cursor = Cursor(
            version=VERSION,
            binding=self._binding,
            score=-last.minus_score,
            place=-last.minus_place,
            owner=last.owner,
            figures=figures,
        )
        return seal_cursor(cursor, self._secret)


def _merged(hits: list[_Hit]) -> list[_Hit]:
    """Sort hits, the best first, each turn once: a turn may be found by its text and its output."""
    hits.sort()
    seen: set[tuple[int, int]] = set()
    merged: list[_Hit] = []
    for hit in hits:
        turn = (hit.minus_place, hit.owner)
        if turn not in seen:
            seen.add(turn)
            merged.append(hit)
    return merged
