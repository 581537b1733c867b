"""How handlers answer with JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping


def answer_json(
    answer: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Make an answer.

    Args:
        answer: what msgspec writes.
        status: of HTTP.
        headers: of the answer.
    """
    return web.Response(
        body=msgspec.json.encode(answer),
        content_type="application/json",
        status=status,
        headers=headers,
    )
