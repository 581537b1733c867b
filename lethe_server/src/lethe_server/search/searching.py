"""One page of a search, from beginning to end, on one connection that reads.

The best hits of a word that is everywhere cannot be found without scoring each of them. So no more
than `CANDIDATES` hits are scored, the newest, and the answer says when there were more (`recent`).
The figures of the first page (`cursors.Figures`) hold for the later ones: a row that is stored
meanwhile changes neither the scores nor the places of the others, and what is newer than the
first page stays out. So no row comes twice and none that was there is missed.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from lethe_server.cursors import binding_of
from lethe_server.search.cursors import (
    VERSION,
    Cursor,
    Figures,
    open_cursor,
    seal_cursor,
)
from lethe_server.search.expressions import leaf_expression
from lethe_server.search.plans import OwnerPlan, plan_owner
from lethe_server.search.snippets import SnippetMaker
from lethe_server.storage.places import FIRST, LAST, place_of, slot_end, slot_start
from lethe_server.storage.ranking import score_argument, word_weight
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
    """A hit of a page; sorts by what comes first. Those that are not shown stay plain tuples."""

    minus_score: float
    minus_place: int
    owner: int
    source: Source


_Row = tuple[float, int, int, str]
#: Sorts behind the names of all sources.
_BEHIND: Final = "~"


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
        if self._cursor is not None:
            figures, rows = self._next_page(self._cursor, ranked=ranked)
        elif ranked:
            figures, rows = self._first_best()
        else:
            figures, rows = self._first_newest()
        hits = [_Hit(*row) for row in heapq.nsmallest(self._search.limit + 1, rows)]  # type: ignore[arg-type]
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

    def _first_best(self) -> tuple[Figures, list[_Row]]:
        """Score the newest hits; more than `CANDIDATES` of them are not looked at."""
        figures = self._measure()
        lists = self._rows(figures, CANDIDATES + 1, ranked=True)
        rows, floor = _newest(lists)
        newest = -min((row[1] for row in rows), default=0)
        return (
            msgspec.structs.replace(
                figures,
                since=figures.since if floor is None else slot_start(floor),
                until=min(figures.until, slot_end(newest)),
                total=len(rows),
                recent=floor is not None,
                best=-min((row[0] for row in rows), default=0.0),
            ),
            rows,
        )

    def _first_newest(self) -> tuple[Figures, list[_Row]]:
        """Take the newest hits, and count the others as far as anybody wants to know."""
        figures = self._measure()
        if len(self._plans) * len(self._sources) == 1:
            total = self._count_hits(figures)
            rows = self._rows(figures, self._search.limit + 1, ranked=False)[0]
        else:
            rows, _ = _newest(self._rows(figures, CANDIDATES + 1, ranked=False), CANDIDATES + 1)
            total = len(rows)
        newest = -min((row[1] for row in rows), default=0)
        return (
            msgspec.structs.replace(
                figures,
                until=min(figures.until, slot_end(newest)),
                total=min(total, CANDIDATES),
                recent=total > CANDIDATES,
            ),
            rows,
        )

    def _next_page(self, cursor: Cursor, *, ranked: bool) -> tuple[Figures, list[_Row]]:
        figures = cursor.figures
        if ranked:
            lists = self._rows(figures, 2 * CANDIDATES, ranked=True)
        else:
            # One owner has one turn in a slot; of several owners some may not have been shown.
            until = slot_start(cursor.place) if len(self._plans) == 1 else cursor.place + 1
            rest = msgspec.structs.replace(figures, until=until)
            limit = self._search.limit + 1 + len(self._plans)
            lists = self._rows(rest, limit, ranked=False)
        after = (-cursor.score, -cursor.place, cursor.owner, _BEHIND)
        rows = _merged(lists)
        return figures, [row for row in rows if row > after]

    def _rows(self, figures: Figures, limit: int, *, ranked: bool) -> list[list[_Row]]:
        """Return the newest hits of each owner and source, the newest first."""
        window = Window(figures.since, figures.until)
        found: list[list[_Row]] = []
        for plan in self._plans.values():
            match = plan.match(self._whole(figures))
            for source in self._sources:
                argument = None
                if ranked:
                    weights = [
                        figures.weights[string.leaf] * string.worth if string.leaf >= 0 else 0.0
                        for string in match.strings
                    ]
                    argument = score_argument(source, weights)
                rows = plan.readers[source].newest(
                    match.expression, window, limit, argument=argument, sessions=plan.sessions
                )
                found.append(list(rows))
        return found

    def _whole(self, figures: Figures) -> set[Phrase]:
        return {self._leaves[index] for index in figures.exact_leaves}

    # Figures -------------------------------------------------------------------------------

    def _measure(self) -> Figures:
        """Count what the scores depend on, over all owners that are searched."""
        query = self._search.query
        rows = sum(
            reader.rows() for plan in self._plans.values() for reader in plan.readers.values()
        )
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
            since=FIRST if query.since is None else place_of(query.since),
            until=LAST if query.until is None else place_of(query.until),
        )

    def _count_hits(self, figures: Figures) -> int:
        """Count the hits of the one owner and source that is searched."""
        ((plan,), (source,)) = self._plans.values(), self._sources
        return plan.readers[source].count(
            plan.match(self._whole(figures)).expression,
            CANDIDATES + 1,
            window=Window(figures.since, figures.until),
            sessions=plan.sessions,
        )

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
        results: dict[_Hit, Result] = {}
        for number, plan in self._plans.items():
            own = {-hit.minus_place: hit for hit in hits if hit.owner == number}
            for turn in read_page(self._connection, number, own):
                hit = own[turn.place]
                text = turn.content if hit.source == "turns" else turn.outputs
                rank = None if best is None else round(-hit.minus_score / best, 6) if best else 1.0
                # The text is dropped here: a page of long turns must not be held at once.
                results[hit] = Result(
                    plan.name,
                    turn._replace(content="", payload=None),
                    snippets.cut(text),
                    hit.source,
                    rank,
                )
        return [results[hit] for hit in hits]

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


def _newest(lists: list[list[_Row]], limit: int | None = None) -> tuple[list[_Row], int | None]:
    """Merge lists that begin with the newest hits and may have been cut off.

    Args:
        lists: of each owner and source; a list of more than `limit` rows was cut off.
        limit: so many hits are kept; `CANDIDATES` if not given.

    Returns:
        The newest hits, and the place that they reach back to if there are more.
    """
    limit = CANDIDATES if limit is None else limit
    floors = [-rows[limit - 1][1] for rows in lists if len(rows) > limit]
    if floors:
        lists = [[row for row in rows if -row[1] >= max(floors)] for rows in lists]
    rows = _merged(lists)
    if len(rows) <= limit:
        return rows, max(floors, default=None)
    floor = -sorted(row[1] for row in rows)[limit - 1]
    return [row for row in rows if -row[1] >= floor], floor


def _merged(lists: list[list[_Row]]) -> list[_Row]:
    """Join lists; of a turn that was found by its text and its output the better hit stays."""
    if len(lists) == 1:
        return lists[0]
    best: dict[tuple[int, int], _Row] = {}
    for row in itertools.chain.from_iterable(lists):
        turn = row[1:3]
        if turn not in best or row < best[turn]:
            best[turn] = row
    return list(best.values())
