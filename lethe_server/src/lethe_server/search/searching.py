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
from lethe_server.search.prefixes import check_prefixes
from lethe_server.search.snippets import SnippetMaker
from lethe_server.storage.places import FIRST, LAST, place_of, slot_end, slot_start
from lethe_server.storage.ranking import Worth, make_scoring, word_weight
from lethe_server.storage.search_hits import (
    Bounds,
    FoundTurn,
    HitRow,
    Window,
    cursor_secret,
    indexed_owners,
    read_page,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from lethe_server.search.expressions import Match
    from lethe_server.search.query import Phrase, Query
    from lethe_server.storage.search_hits import HitReader
    from lethe_server.storage.search_index import Source

#: Hits that are all scored.
CANDIDATES: Final = 10_000
#: Of more hits, so many of each owner and source are scored: whoever looks for a word that is
#: everywhere looks for what was said lately.
NEWEST: Final = 2_000

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


class _Table(NamedTuple):
    """One table of the index, and what is looked for in it."""

    plan: OwnerPlan
    source: Source
    match: Match

    @property
    def reader(self) -> HitReader:
        return self.plan.readers[self.source]


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

    def _first_best(self) -> tuple[Figures, list[HitRow]]:
        """Score all hits, or the newest of very many."""
        figures = self._checked(self._measure())
        if len(self._sources) == 1 and self._is_widened(figures):
            return self._first_at_once(figures)
        figures, floor = self._counted(figures)
        if figures.recent:
            figures = msgspec.structs.replace(figures, since=slot_start(floor))
        rows = self._best(figures)
        return msgspec.structs.replace(figures, best=-min(rows)[0] if rows else 0.0), rows

    def _first_at_once(self, figures: Figures) -> tuple[Figures, list[HitRow]]:
        """Do so with one statement for each table, since each puts a prefix together anew."""
        deepest = min(NEWEST, CANDIDATES)
        window = Window(figures.since, figures.until)
        found: list[tuple[_Table, list[tuple[int, float | None]]]] = []
        for table in self._tables(figures):
            worths = _worths(table.match, figures.weights)
            scoring = make_scoring(table.source, worths, deepest)
            sessions = table.plan.sessions
            expression = table.match.expression
            hits = table.reader.scored(expression, window, CANDIDATES + 1, scoring, sessions)
            found.append((table, hits))
        places = [[place for place, _ in hits] for _, hits in found]
        newest, floor = _ends(places, deepest)
        figures = _told(figures, sum(map(len, places)), newest)
        if figures.recent:
            figures = msgspec.structs.replace(figures, since=slot_start(floor))
        rows: list[HitRow] = [
            (score, -place, table.plan.number, table.source)
            for table, hits in found
            for place, score in hits
            if score is not None and place >= figures.since
        ]
        if not figures.recent and len(rows) < figures.total:  # there are some without a score
            rows = self._best(figures)
        return msgspec.structs.replace(figures, best=-min(rows)[0] if rows else 0.0), rows

    def _first_newest(self) -> tuple[Figures, list[HitRow]]:
        """Take the newest hits, and count the others as far as anybody wants to know."""
        figures, _ = self._counted(self._checked(self._measure()))
        return figures, self._newest(figures, self._search.limit + 1)

    def _next_page(self, cursor: Cursor, *, ranked: bool) -> tuple[Figures, list[HitRow]]:
        figures = self._checked(cursor.figures)
        after = (-cursor.score, -cursor.place, cursor.owner, _BEHIND)
        if ranked:
            return figures, self._best(figures, after)
        # One owner has one turn in a slot; of several owners some may not have been shown.
        until = slot_start(cursor.place) if len(self._plans) == 1 else cursor.place + 1
        rest = msgspec.structs.replace(figures, until=until)
        rows = self._newest(rest, self._search.limit + 1 + len(self._plans))
        return figures, [row for row in rows if row > after]

    def _checked(self, figures: Figures) -> Figures:
        """Return the figures of a search that can be answered in time."""
        check_prefixes((table.reader, table.match) for table in self._tables(figures))
        return figures

    def _tables(self, figures: Figures) -> Iterator[_Table]:
        """Return the tables that are searched."""
        whole = {self._leaves[index] for index in figures.exact_leaves}
        for plan in self._plans.values():
            match = plan.match(whole)
            for source in self._sources:
                yield _Table(plan, source, match)

    def _best(self, figures: Figures, after: HitRow | None = None) -> list[HitRow]:
        """Return at least the hits of a page, the best, and the one behind it."""
        window = Window(figures.since, figures.until)
        # A turn that was found by its text may have been shown already when its output's turn
        # comes: with two sources all hits are needed to tell.
        alone = len(self._sources) == 1
        bounds = Bounds(
            scored=2 * CANDIDATES,
            returned=self._search.limit + 1 if alone else -1,
            after=after if alone else None,
        )
        found: list[list[HitRow]] = []
        for plan, source, match in self._tables(figures):
            scoring = make_scoring(source, _worths(match, figures.weights))
            reader = plan.readers[source]
            found.append(reader.best(match.expression, window, bounds, scoring, plan.sessions))
        rows = _merged(found)
        return rows if after is None else [row for row in rows if row > after]

    def _newest(self, figures: Figures, limit: int) -> list[HitRow]:
        """Return at least so many of the newest hits."""
        found: list[list[HitRow]] = [
            [(0.0, -place, table.plan.number, table.source) for place in places]
            for table in self._tables(figures)
            for places in [self._places(table, figures, limit)]
        ]
        return _merged(found)

    def _places(self, table: _Table, figures: Figures, limit: int) -> list[int]:
        window = Window(figures.since, figures.until)
        sessions = table.plan.sessions
        return table.reader.places(table.match.expression, window, limit, sessions=sessions)

    # Figures -------------------------------------------------------------------------------

    def _counted(self, figures: Figures) -> tuple[Figures, int]:
        """Count the hits, as far as anybody wants to know.

        Returns:
            The figures, and the place from which on hits are scored if there are very many.
        """
        # A prefix is put together anew by each statement, and a turn may be found by its text and
        # by an output: then one look at all places tells everything. Else counting is cheaper.
        if len(self._sources) == 1 and not self._is_widened(figures):
            total, newest, floor = self._count_hits(figures)
        else:
            total, newest, floor = self._list_hits(figures)
        return _told(figures, total, newest), floor

    def _is_widened(self, figures: Figures) -> bool:
        """Tell whether there is a prefix that does not count as a whole word."""
        return any(
            leaf.prefix and index not in figures.exact_leaves
            for index, leaf in enumerate(self._leaves)
        )

    def _count_hits(self, figures: Figures) -> tuple[int, int, int]:
        """Count hits, and find the newest place and the last of the newest ones."""
        tables = list(self._tables(figures))
        total = sum(self._count_table(table, figures) for table in tables)
        deepest = min(NEWEST, CANDIDATES) if total > CANDIDATES else 1
        places = [self._places(table, figures, deepest) for table in tables]
        return total, *_ends(places, deepest)

    def _list_hits(self, figures: Figures) -> tuple[int, int, int]:
        """Do as `_count_hits` with one statement for each table."""
        found: dict[int, set[int]] = {}
        places: list[list[int]] = []
        for table in self._tables(figures):
            places.append(self._places(table, figures, CANDIDATES + 1))
            found.setdefault(table.plan.number, set()).update(places[-1])
        return sum(map(len, found.values())), *_ends(places, min(NEWEST, CANDIDATES))

    def _count_table(self, table: _Table, figures: Figures) -> int:
        window = Window(figures.since, figures.until)
        sessions = table.plan.sessions
        return table.reader.count(table.match.expression, CANDIDATES + 1, window, sessions=sessions)

    def _measure(self) -> Figures:
        """Find out what the scores depend on, over all owners that are searched."""
        query = self._search.query
        figures = Figures(
            exact_leaves=[],
            # What a single word counts is the same for all of its hits.
            weights=[1.0 for _ in self._leaves],
            since=FIRST if query.since is None else place_of(query.since),
            until=LAST if query.until is None else place_of(query.until),
        )
        if len(self._leaves) == 1 and not self._leaves[0].prefix:
            return figures
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
        weights = [word_weight(rows, count) for count in counts]
        return msgspec.structs.replace(figures, exact_leaves=common, weights=weights)

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
            for turn in self._found_turns(number, own):
                hit = own[turn.place]
                rank = None if best is None else round(-hit.minus_score / best, 6) if best else 1.0
                # The text is dropped here: a page of long turns must not be held at once.
                results[hit] = Result(
                    plan.name,
                    turn._replace(text=""),
                    snippets.cut(turn.text),
                    hit.source,
                    rank,
                )
        return [results[hit] for hit in hits]

    def _found_turns(self, owner: int, hits: dict[int, _Hit]) -> Iterator[FoundTurn]:
        for source in self._sources:
            places = [place for place, hit in hits.items() if hit.source == source]
            yield from read_page(self._connection, owner, source, places)

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


def _worths(match: Match, weights: Sequence[float]) -> list[list[Worth]]:
    """Return what the strings of each leaf count; those that only exclude belong to none."""
    leaves: list[list[Worth]] = [[] for _ in match.leaves]
    for index, string in enumerate(match.strings):
        if string.leaf >= 0:
            leaves[string.leaf].append(Worth(index, weights[string.leaf] * string.worth))
    return [sorted(leaf, key=lambda worth: -worth.weight) for leaf in leaves]


def _told(figures: Figures, total: int, newest: int) -> Figures:
    """Return the figures of so many hits; what is newer than the newest of them stays out."""
    return msgspec.structs.replace(
        figures,
        until=min(figures.until, slot_end(newest)),
        total=min(total, CANDIDATES),
        recent=total > CANDIDATES,
    )


def _ends(tables: list[list[int]], deepest: int) -> tuple[int, int]:
    """Return the newest of some places, and the greatest that is so deep in its table."""
    newest = max((places[0] for places in tables if places), default=FIRST)
    floor = max((places[deepest - 1] for places in tables if len(places) >= deepest), default=FIRST)
    return newest, floor


def _merged(lists: list[list[HitRow]]) -> list[HitRow]:
    """Join lists; of a turn that was found by its text and its output the better hit stays."""
    if len(lists) == 1:
        return lists[0]
    best: dict[tuple[int, int], HitRow] = {}
    for row in itertools.chain.from_iterable(lists):
        turn = row[1:3]
        if turn not in best or row < best[turn]:
            best[turn] = row
    return list(best.values())
