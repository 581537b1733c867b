"""``GET /api/v1/openapi.json``, ``GET /api/v1/docs`` and its style."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from aiohttp import web

from lethe_server.conditional import Tagged
from lethe_server.openapi.page import PAGE_POLICY, STYLE, write_page
from lethe_server.parameters import NO_PARAMETERS, load_parameters


async def show_specification(request: web.Request) -> web.Response:
    """Answer the specification."""
    load_parameters(request, NO_PARAMETERS)
    return _answer(request, _specification(), "application/json", {})


async def show_documentation(request: web.Request) -> web.Response:
    """Answer the page about the API."""
    load_parameters(request, NO_PARAMETERS)
    return _answer(request, _page(), "text/html", {"Content-Security-Policy": PAGE_POLICY})


async def show_style(request: web.Request) -> web.Response:
    """Answer the style of the page."""
    load_parameters(request, NO_PARAMETERS)
    return _answer(request, STYLE.encode(), "text/css", {})


def _answer(
    request: web.Request, body: bytes, content_type: str, headers: dict[str, str]
) -> web.Response:
    tagged = Tagged(content_type, body)
    if (unchanged := tagged.unchanged(request, headers)) is not None:
        return unchanged
    charset = "utf-8" if content_type.startswith("text/") else None
    return web.Response(
        body=body, content_type=content_type, charset=charset, headers={**tagged.headers, **headers}
    )


@functools.cache
def _specification() -> bytes:
    return msgspec.json.encode(_make())


@functools.cache
def _page() -> bytes:
    return write_page(_make()).encode()


def _make() -> dict[str, Any]:
    # Few ask for it, and each start would pay for the making of its schemas.
    from lethe_server.openapi.specification import make_specification  # noqa: PLC0415

    return make_specification()
