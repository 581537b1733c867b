"""``GET /api/v1/sessions/{tool}/{host}/{session_id}/related``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lethe_server.answering import answer_json
from lethe_server.keys import IDENTITY, STORE
from lethe_server.parameters import OWNER_PARAMETERS, load_parameters, whose
from lethe_server.related.rollups import roll_up
from lethe_server.related.trees import make_tree
from lethe_server.sessions.finding import find_asked_session
from lethe_server.storage.relatives import find_related_rows, find_relatives

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.related.rollups import Rollup
    from lethe_server.related.trees import Node
    from lethe_server.storage import SessionRow


class RollupAnswer(msgspec.Struct):
    """Sums over a session and all below it; each API reply counts once."""

    sessions: int
    turns: int
    tool_calls: int
    tokens_in: int
    tokens_out: int
    cache_read: int
    cache_write: int
    reasoning: int
    cost_usd: float | None
    started_at: float | None
    last_activity: float | None


class NodeAnswer(msgspec.Struct):
    """A session in the tree; of one that is not archived only the name is known."""

    tool: str
    host: str | None
    session_id: str
    archived: bool
    parent: int | None
    depth: int
    relation: str | None
    title: str | None
    started_at: float | None
    last_activity: float | None
    turns: int
    rollup: RollupAnswer


class RelatedAnswer(msgspec.Struct):
    """The tree, each session before those below it."""

    sessions: list[NodeAnswer]
    asked: int
    cycle: bool
    truncated: bool


async def show_related(request: web.Request) -> web.Response:
    """Answer the tree that a session stands in."""
    asked = load_parameters(request, OWNER_PARAMETERS)
    _, session = await find_asked_session(request, whose(asked, request[IDENTITY]))
    store = request.app[STORE]
    relatives = await store.query(lambda connection: find_relatives(connection, session))
    tree = make_tree(relatives.links, session.id)
    numbers = [node.session for node in tree.nodes if node.session is not None]
    rows, replies = await store.query(
        lambda connection: find_related_rows(connection, session.owner, numbers)
    )
    rollups = roll_up(tree.nodes, rows, replies)
    answer = RelatedAnswer(
        sessions=[
            _answer_node(node, session.tool, rows.get(node.session or 0), rollup)
            for node, rollup in zip(tree.nodes, rollups, strict=True)
        ],
        asked=[node.session for node in tree.nodes].index(session.id),
        cycle=tree.cycle,
        truncated=not relatives.complete,
    )
    return answer_json(answer)


def _answer_node(node: Node, tool: str, row: SessionRow | None, rollup: Rollup) -> NodeAnswer:
    tokens = rollup.tokens
    sums = RollupAnswer(
        sessions=rollup.sessions,
        turns=rollup.turns,
        tool_calls=rollup.tool_calls,
        tokens_in=tokens.input,
        tokens_out=tokens.output,
        cache_read=tokens.cache_read,
        cache_write=tokens.cache_write,
        reasoning=tokens.reasoning,
        cost_usd=tokens.cost_usd,
        started_at=rollup.started_at,
        last_activity=rollup.last_activity,
    )
    return NodeAnswer(
        tool=tool,
        host=row and row.host,
        session_id=node.name,
        archived=row is not None,
        parent=node.parent,
        depth=node.depth,
        relation=row and row.relation,
        title=row and row.shown_title,
        started_at=row and row.started_at,
        last_activity=row and row.last_activity,
        turns=row.turns if row else 0,
        rollup=sums,
    )
