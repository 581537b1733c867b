"""Searching over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lethe_core.wire import decode_line
from lethe_server.keys import STORE
from lethe_server.storage import prepare_record

if TYPE_CHECKING:
    from collections.abc import Callable


class Searches:
    """Searches of one user of a server.

    Args:
        archive: a client of the server.
    """

    def __init__(self, archive) -> None:
        self.archive = archive

    async def answer(self, q: str, status: int = 200, **parameters: Any) -> dict[str, Any]:
        """Search and return the whole answer."""
        return await self.archive.get("/search", status, q=q, **parameters)

    async def found(self, q: str, **parameters: Any) -> list[str]:
        """Search and return the names of the turns of the first page."""
        return [result["turn_id"] for result in (await self.answer(q, **parameters))["results"]]

    async def pages(self, q: str, between=None, **parameters: Any) -> list[str]:
        """Search page by page and return all names; `between` is awaited after each page."""
        names: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await self.answer(q, **parameters, **cursor)
            names += [result["turn_id"] for result in answer["results"]]
            if answer["next_cursor"] is None:
                return names
            cursor = {"cursor": answer["next_cursor"]}
            if between:
                await between()


@pytest.fixture
def searches(archive) -> Searches:
    """Searches of alice."""
    return Searches(archive)


@pytest.fixture
def fill(archive) -> Callable[..., Any]:
    """Store many turns at once, past HTTP: what is sent is not what is tested here."""

    async def store(*events: dict[str, Any], owner="alice") -> None:
        records = [prepare_record(decode_line(json.dumps(event).encode())) for event in events]
        await archive.app[STORE].ingest(owner, records)

    return store
