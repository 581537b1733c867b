"""Hits inside one session, in the order of the conversation."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, NamedTuple

from lethe_server.search.plans import plan_owner, searched_sources
from lethe_server.search.prefixes import check_prefixes
from lethe_server.search.snippets import SnippetMaker
from lethe_server.storage.search_hits import Wanted, indexed_owners, order_places, read_page
from lethe_server.storage.search_index import session_facet
from lethe_server.storage.transactions import read_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from lethe_server.search.plans import OwnerPlan
    from lethe_server.search.query import Query
    from lethe_server.storage.search_hits import FoundTurn
    from lethe_server.storage.search_index import Source

#: Hits that are looked at; of more, the newest.
MAX_HITS: Final = 50_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is looked for in a session.

    Args:
        owner: whose session.
        session: by number.
        query: the words and conditions.
        include_outputs: whether outputs of tools are searched, too.
        after: only turns behind this `seq`.
        limit: hits of a page.
    """

    owner: str
    session: int
    query: Query
    include_outputs: bool
    after: int
    limit: int


class Hit(NamedTuple):
    """A turn that was found.

    Args:
        turn: where they stand.
        snippet: a part of the text, with marks.
        source: where the words stand.
    """

    turn: FoundTurn
    snippet: str
    source: Source


class HitPage(NamedTuple):
    """Hits in the order of the session.

    Args:
        hits: of the page.
        total: how many there are in the session; at least, if `more`.
        more: whether there are more than were looked at.
        next: the `after` of the next page; `None` if this is the last.
    """

    hits: Sequence[Hit] = ()
    total: int = 0
    more: bool = False
    next: int | None = None


def find_within(connection: apsw.Connection, finding: Finding) -> HitPage:
    """Find the turns of one session that match, a page of them.

    A page never ends between turns of the same `seq`, since the next one begins behind a `seq`.

    Args:
        connection: that reads.
        finding: what is looked for.
    """
    with read_transaction(connection):
        plan = _plan(connection, finding)
        return HitPage() if plan is None else _find(connection, finding, plan)


def _plan(connection: apsw.Connection, finding: Finding) -> OwnerPlan | None:
    owners = indexed_owners(connection, finding.owner)
    if finding.query.hopeless or not owners:
        return None
    sources = searched_sources(outputs=finding.include_outputs)
    plan = plan_owner(connection, owners[0], finding.query, sources)
    if plan is None or (plan.sessions is not None and finding.session not in plan.sessions):
        return None
    within = (False, (session_facet(finding.session),))
    return dataclasses.replace(plan, facets=(*plan.facets, within), sessions=None)


def _find(connection: apsw.Connection, finding: Finding, plan: OwnerPlan) -> HitPage:
    query = finding.query
    window = plan.window(query.since, query.until)
    match = plan.match(())
    check_prefixes((reader, match) for reader in plan.readers.values())
    sources: dict[int, Source] = {}
    more = False
    for source, reader in plan.readers.items():
        places = reader.places(Wanted(match.expression, window), MAX_HITS + 1)
        more |= len(places) > MAX_HITS
        sources = dict.fromkeys(places[:MAX_HITS], source) | sources
    ordered = order_places(connection, plan.number, sources)
    rest = [(place, seq) for place, seq in ordered if seq > finding.after]
    end = min(finding.limit, len(rest))
    while 0 < end < len(rest) and rest[end][1] == rest[end - 1][1]:
        end += 1
    snippets = SnippetMaker(match.leaves)
    found: dict[int, Hit] = {}
    for source in plan.readers:
        places = [place for place, _ in rest[:end] if sources[place] == source]
        for turn, text in read_page(connection, plan.number, source, places):
            found[turn.place] = Hit(turn, snippets.cut(text), source)
    return HitPage(
        hits=[found[place] for place, _ in rest[:end]],
        total=len(sources),
        more=more,
        next=rest[end - 1][1] if end < len(rest) else None,
    )
