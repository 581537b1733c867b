"""What stands in the archive and on the disk, as `lethe up` sums it up at its end."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from lethe_core.errors import Unavailable
from lethe_server.config import environment_without_settings
from lethe_server.up.children import program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from lethe_server.up.plan import Plan

_PAGE: Final = 200
#: What is told of each tool, and in all.
_FIGURES: Final = ("files", "sessions", "turns", "refused", "unmapped", "lagging")
#: Those that the collector knows.
_OF_COLLECTOR: Final = ("files", "refused", "unmapped", "lagging")


async def summarise(plan: Plan, url: str, collector_config: Path) -> dict[str, Any]:
    """Count files, sessions, turns and refusals per tool.

    Args:
        plan: what was run.
        url: where the server listens.
        collector_config: of the collector, whose state is read.

    Returns:
        The sums, and under ``tools`` the same for each tool.

    Raises:
        Unavailable: the collector's state or the server's archive cannot be read.
    """
    status = await _collector_status(collector_config)
    nothing = dict.fromkeys(_FIGURES, 0)
    tools: dict[str, dict[str, int]] = {
        tool: nothing | {name: figures[name] for name in _OF_COLLECTOR}
        for tool, figures in status["tools"].items()
        if figures["files"]
    }
    async for session in _sessions(url, plan.token_file.read_text().strip(), plan.host):
        figures = tools.setdefault(session["tool"], nothing.copy())
        figures["sessions"] += 1
        figures["turns"] += session["turns"]
    sums = {name: sum(figures[name] for figures in tools.values()) for name in _FIGURES}
    return {"host": plan.host, "data": str(plan.data), "listen": url, **sums, "tools": tools}


async def _sessions(url: str, token: str, host: str) -> AsyncIterator[dict[str, Any]]:
    """Walk over the sessions of this machine, page by page.

    Raises:
        Unavailable: the server does not answer, or with something else.
    """
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers, trust_env=False) as client:
        offset = 0
        while True:
            parameters = {"host": host, "limit": str(_PAGE), "offset": str(offset)}
            try:
                async with client.get(f"{url}/api/v1/sessions", params=parameters) as answer:
                    answer.raise_for_status()
                    page = (await answer.json())["sessions"]
            except aiohttp.ClientResponseError as error:
                raise Unavailable(f"the server answers {error.status}: {error.message}") from error
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Unavailable(f"the server cannot be asked: {error}") from error
            for session in page:
                yield session
            if len(page) < _PAGE:
                return
            offset += _PAGE


async def _collector_status(config: Path) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *program("lethe_collector", "status", "--json", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
        env=environment_without_settings(),
    )
    output, _ = await process.communicate()
    try:
        status: dict[str, Any] = json.loads(output)
    except ValueError as error:
        raise Unavailable("the collector's status cannot be read") from error
    return status
