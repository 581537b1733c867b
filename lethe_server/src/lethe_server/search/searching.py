"""One page of a search, from beginning to end, on one connection that reads.

The best hits of a word that is everywhere cannot be found without scoring each of them. So where
there are more than `CANDIDATES`, only the `NEWEST` are scored, and the answer says so (`recent`).
The figures of the first page (`cursors.Figures`) hold for the later ones: a row that is stored
meanwhile changes neither the scores nor the places of the others, and what is newer than the
first page stays out. So no row comes twice and none that was there is missed.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import msgspec

from lethe_server.cursors import binding_of
from lethe_server.search.cursors import (
    VERSION,
    Cursor,
    Figures,
    open_cursor,
    seal_cursor,
)
from lethe_server.search.plans import OwnerPlan, plan_owner, searched_sources
from lethe_server.search.snippets import SnippetMaker
from lethe_server.search.surveys import CANDIDATES, Order, Survey
from lethe_server.storage.places import slot_of, slot_start
from lethe_server.storage.search_hits import (
    Bounds,
    FoundTurn,
    HitRow,
    cursor_secret,
    indexed_owners,
    read_page,
)
from lethe_server.storage.transactions import read_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from lethe_server.search.query import Query
    from lethe_server.search.surveys import Found, Table
    from lethe_server.storage.search_index import Source


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
    with read_transaction(connection):
        return _Searching(connection, search).page()


class _Searching:
    def __init__(self, connection: apsw.Connection, search: Search) -> None:
        self._connection = connection
        self._search = search
        self._secret = cursor_secret(connection)
        self._binding = binding_of(search.identity)
        self._cursor: Cursor | None = None
        if search.cursor is not None:
            self._cursor = open_cursor(search.cursor, self._binding, self._secret)
        self._sources = searched_sources(outputs=search.include_outputs)
        self._plans = self._plan()

    def page(self) -> SearchPage:
        if not self._plans:
            return SearchPage()
        if self._cursor is None:
            figures, rows = self._first_page()
        else:
            figures, rows = self._next_page(self._cursor)
        hits = list(map(_Hit._make, heapq.nsmallest(self._search.limit + 1, rows)))
        shown = hits[: self._search.limit]
        return SearchPage(
            results=self._read(shown, figures.best if self._ranked else None),
            total=figures.total,
            more=figures.recent,
            recent=self._ranked and figures.recent,
            next_cursor=self._seal(shown[-1], figures) if len(hits) > len(shown) else None,
        )

    @cached_property
    def _survey(self) -> Survey:
        return Survey(self._search.query, self._plans, order=self._search.order)

    @property
    def _ranked(self) -> bool:
        return self._survey.is_ranked

    def _plan(self) -> dict[int, OwnerPlan]:
        """Make a plan for each owner whose turns may be found."""
        if self._search.query.hopeless:
            return {}
        wanted = self._search.owner
        plans = (
            plan_owner(self._connection, owner, self._search.query, self._sources)
            for owner in indexed_owners(self._connection, wanted)
        )
        return {plan.number: plan for plan in plans if plan is not None}

    # Pages ---------------------------------------------------------------------------------

    def _first_page(self) -> tuple[Figures, list[HitRow]]:
        figures, found = self._survey.begin()
        if not self._ranked:
            return figures, self._newest(figures, self._search.limit + 1)
        rows = _merged([self._scored(each, figures) for each in found])
        return msgspec.structs.replace(figures, best=-min(rows)[0] if rows else 0.0), rows

    def _scored(self, found: Found, figures: Figures) -> list[HitRow]:
        """Return at least the hits of the first page, the best, of those that count."""
        if not found.total:
            return []
        if found.rows is None:
            return self._best_of(found.table, figures)
        rows = found.rows
        if figures.recent:
            rows = [row for row in rows if -row[1] >= figures.since]
        if rows and rows[0][0] is None:  # they were only listed
            return self._best_of(found.table, figures)
        return cast("list[HitRow]", rows)

    def _next_page(self, cursor: Cursor) -> tuple[Figures, list[HitRow]]:
        figures = cursor.figures
        tables = list(self._survey.tables(figures))
        self._survey.check(tables)
        after = (-cursor.score, -cursor.place, cursor.owner, _BEHIND)
        if self._ranked:
            rows = _merged([self._best_of(table, figures, after) for table in tables])
        else:
            # One owner has one turn in a slot; of several owners some may not have been shown.
            until = slot_start(cursor.place) if len(self._plans) == 1 else cursor.place + 1
            rest = msgspec.structs.replace(figures, until=until)
            rows = self._newest(rest, self._search.limit + 1 + len(self._plans))
            # The last one that was shown, should it have another length by now.
            shown = (cursor.owner, slot_of(cursor.place))
            rows = [row for row in rows if (row[2], slot_of(-row[1])) != shown]
        return figures, [row for row in rows if row > after]

    def _best_of(self, table: Table, figures: Figures, after: HitRow | None = None) -> list[HitRow]:
        """Return at least the hits of a page, the best of a table, and the one behind it."""
        # A turn that was found by its text may have been shown already when its output's turn
        # comes: with two sources all hits are needed to tell.
        alone = len(self._sources) == 1
        bounds = Bounds(
            # Between two pages more may come than were counted.
            scored=None if after is None else 2 * CANDIDATES,
            returned=self._search.limit + 1 if alone else -1,
            after=after if alone else None,
        )
        return table.best(figures, bounds)

    def _newest(self, figures: Figures, limit: int) -> list[HitRow]:
        """Return at least so many of the newest hits."""
        found: list[list[HitRow]] = [
            [(0.0, -place, table.plan.number, table.source) for place in places]
            for table in self._survey.tables(figures)
            for places in [table.places(figures, limit)]
        ]
        return _merged(found)

    # Results -------------------------------------------------------------------------------

    def _read(self, hits: Sequence[_Hit], best: float | None) -> list[Result]:
        """Read the turns of a page, and cut their snippets."""
        cut = SnippetMaker(self._survey.leaves).cut
        places: defaultdict[tuple[int, Source], list[int]] = defaultdict(list)
        for _, minus_place, owner, source in hits:
            places[owner, source].append(-minus_place)
        found = {
            # The text is dropped here: a page of long turns must not be held at once.
            (owner, turn.place): (turn, cut(text))
            for (owner, source), page in places.items()
            for turn, text in read_page(self._connection, owner, source, page)
        }
        results: list[Result] = []
        for minus_score, minus_place, owner, source in hits:
            turn, snippet = found[owner, -minus_place]
            rank = None if best is None else round(-minus_score / best, 6) if best else 1.0
            results.append(Result(self._plans[owner].owner.name, turn, snippet, source, rank))
        return results

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


def _merged(lists: list[list[HitRow]]) -> list[HitRow]:
    """Join lists; of a turn that was found by its text and its output the better hit stays."""
    rows = itertools.chain.from_iterable(lists)
    if len({found[0][3] for found in lists if found}) <= 1:
        return list(rows)
    best: dict[tuple[int, int], HitRow] = {}
    for row in rows:
        turn = row[1:3]
        if turn not in best or row < best[turn]:
            best[turn] = row
    return list(best.values())
