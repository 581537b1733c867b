"""``/api/v1/hosts/{host}/completeness``: of all that is on a machine's disk, what is archived?

The machine's collector says what it sees (PUT), at most once a minute and only when something
has changed. GET answers with that, beside what the archive itself counts.
"""

from __future__ import annotations

import re
import time
from typing import Any, Final

import msgspec
from aiohttp import web

from lethe_core.limits import NAME_PATTERN
from lethe_server.answering import answer_json
from lethe_server.bodies import load_body
from lethe_server.completeness.bodies import REPORT_BODY
from lethe_server.errors import InvalidRequest
from lethe_server.keys import IDENTITY, STORE
from lethe_server.owners import the_only
from lethe_server.parameters import NO_PARAMETERS, OWNER_PARAMETERS, load_parameters, whose
from lethe_server.storage import find_hosts
from lethe_server.storage.reports import HostReport, find_reports, store_report

PATH: Final = "/api/v1/hosts/{host}/completeness"
#: Seconds that an answer may take.
SECONDS: Final = 2.0


class ArchivedTool(msgspec.Struct):
    """What the archive has of a tool on the machine."""

    tool: str
    sessions: int
    turns: int


class CompletenessAnswer(msgspec.Struct):
    """What is archived of a machine."""

    host: str
    reported_at: float
    age: float
    complete: bool
    at_risk_bytes: int
    waiting_events: int
    lost_bytes: int
    lost_turns: int
    refused: int
    report: dict[str, Any]
    archive: list[ArchivedTool]


async def store_completeness(request: web.Request) -> web.Response:
    """Keep what a collector says of its machine."""
    load_parameters(request, NO_PARAMETERS)
    host = _host(request)
    body = await load_body(request, REPORT_BODY)
    report = HostReport(time.time(), msgspec.json.encode(body).decode())
    owner = request[IDENTITY].user
    await request.app[STORE].change(
        lambda connection: store_report(connection, owner, host, report)
    )
    return web.Response(status=204)


async def show_completeness(request: web.Request) -> web.Response:
    """Answer what is archived of a machine, what is not yet, and why."""
    asked = whose(load_parameters(request, OWNER_PARAMETERS), request[IDENTITY])
    host = _host(request)
    store = request.app[STORE]
    reports = await store.query(lambda connection: find_reports(connection, asked, host), SECONDS)
    owner, found = the_only(
        reports, missing="no collector has reported of this host", what="a host of this name"
    )
    rows = await store.query(lambda connection: find_hosts(connection, owner), SECONDS)
    answer = _answer(host, found)
    answer.archive = [
        ArchivedTool(row.tool, row.sessions, row.turns) for row in rows if row.host == host
    ]
    return answer_json(answer)


def _answer(host: str, found: HostReport) -> CompletenessAnswer:
    report = msgspec.json.decode(found.report)
    tools = report["tools"].values()
    outbox = report["outbox"]
    at_risk = sum(tool["lagging_bytes"] for tool in tools)
    lagging = sum(tool["lagging"] for tool in tools)
    lost = sum(tool["lost_bytes"] for tool in tools)
    lost_turns = sum(tool.get("lost_turns", 0) for tool in tools)  # absent in an old report
    refused = sum(tool["refused"] for tool in tools)
    waiting = outbox.get("lines", 0)
    failing = sum(tool["failing"] for tool in tools)
    return CompletenessAnswer(
        host=host,
        reported_at=found.received_at,
        age=max(0.0, time.time() - found.received_at),
        complete=not (lagging or lost or lost_turns or refused or waiting or failing),
        at_risk_bytes=at_risk,
        waiting_events=waiting,
        lost_bytes=lost,
        lost_turns=lost_turns,
        refused=refused,
        report=report,
        archive=[],
    )


def _host(request: web.Request) -> str:
    host = request.match_info["host"]
    if not re.match(NAME_PATTERN, host):
        raise InvalidRequest("is no name of a host", parameter="host")
    return host
