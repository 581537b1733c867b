"""``GET /api/v1/hosts``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

import msgspec

from lethe_server.answering import answer_json
from lethe_server.keys import IDENTITY, STORE
from lethe_server.parameters import OWNER_PARAMETERS, load_parameters, whose
from lethe_server.storage import find_hosts

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.storage import HostRow

#: Seconds that an answer may take.
SECONDS: Final = 2.0


class HostAnswer(msgspec.Struct):
    """A tool on a host: what is archived of it, and how late the newest turn came."""

    host: str
    tool: str
    sessions: int
    turns: int
    last_event: float | None
    last_received: float | None
    lag: float | None
    owner: str | msgspec.UnsetType = msgspec.UNSET


class HostList(TypedDict):
    """The hosts and their tools."""

    hosts: list[HostAnswer]


async def list_hosts(request: web.Request) -> web.Response:
    """Answer the hosts and their tools, by name."""
    owner = whose(load_parameters(request, OWNER_PARAMETERS), request[IDENTITY])
    rows = await request.app[STORE].query(lambda connection: find_hosts(connection, owner), SECONDS)
    answer: HostList = {"hosts": [_answer_host(row, owned=owner is None) for row in rows]}
    return answer_json(answer)


def _answer_host(row: HostRow, *, owned: bool) -> HostAnswer:
    lag = None
    if row.newest is not None and row.newest_received is not None:
        lag = max(0.0, row.newest_received - row.newest)  # clocks of hosts may be fast
    return HostAnswer(
        host=row.host,
        tool=row.tool,
        sessions=row.sessions,
        turns=row.turns,
        last_event=row.last_event,
        last_received=row.last_received,
        lag=lag,
        owner=row.owner if owned else msgspec.UNSET,
    )
