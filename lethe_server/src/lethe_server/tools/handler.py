"""``GET /api/v1/tools``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

import msgspec

from lethe_server.answering import answer_json
from lethe_server.keys import IDENTITY, PARSERS, STORE
from lethe_server.parameters import OWNER_PARAMETERS, load_parameters, whose
from lethe_server.storage import ToolRow, find_tools

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_core.plugins import ParserRegistry

#: Seconds that an answer may take.
SECONDS: Final = 2.0


class ToolAnswer(msgspec.Struct):
    """A tool; without a plugin here, only what is archived of it is known."""

    tool: str
    label: str | None
    plugin: str | None
    version: str | None
    parser_version: int | None
    sessions: int
    turns: int
    last_activity: float | None


class ToolList(TypedDict):
    """The tools."""

    tools: list[ToolAnswer]


async def list_tools(request: web.Request) -> web.Response:
    """Answer the tools that are known here, by name."""
    owner = whose(load_parameters(request, OWNER_PARAMETERS), request[IDENTITY])
    rows = await request.app[STORE].query(lambda connection: find_tools(connection, owner), SECONDS)
    archived = {row.tool: row for row in rows}
    registry = request.app[PARSERS]
    names = sorted({*archived, *(parser.tool for parser in registry)})
    answer: ToolList = {
        "tools": [
            _answer_tool(registry, archived.get(name, ToolRow(name, 0, 0, None))) for name in names
        ]
    }
    return answer_json(answer)


def _answer_tool(registry: ParserRegistry, row: ToolRow) -> ToolAnswer:
    parser = registry.get(row.tool) if row.tool in registry else None
    report = next(
        (each for each in registry.reports if each.status == "ok" and row.tool in each.tools), None
    )
    return ToolAnswer(
        tool=row.tool,
        label=parser.label if parser else None,
        plugin=report.distribution or report.name if report else None,
        version=report.version if report else None,
        parser_version=parser.version if parser else None,
        sessions=row.sessions,
        turns=row.turns,
        last_activity=row.last_activity,
    )
