"""``GET /`` and the other addresses of the page, and ``GET /static/...``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from lethe_server.conditional import Tagged
from lethe_server.errors import NotFound
from lethe_server.keys import ASSETS

if TYPE_CHECKING:
    from lethe_server.web.assets import Asset

#: What the page may do: run and draw what comes from here, ask this server, and nothing else.
#: Pictures out of transcripts are shown from memory.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)

#: A path with a version never means anything else.
_FOR_GOOD: Final = "private, max-age=31536000, immutable"


async def show_page(request: web.Request) -> web.Response:
    """Answer the document; what it shows is decided by its address, in the browser."""
    assets = request.app[ASSETS]
    headers = {"Content-Security-Policy": PAGE_POLICY}
    tagged = Tagged(assets.version)
    if (unchanged := tagged.unchanged(request, headers)) is not None:
        return unchanged
    return _answer(request, assets.shell, {**tagged.headers, **headers})


async def show_asset(request: web.Request) -> web.Response:
    """Answer one file of the page."""
    assets = request.app[ASSETS]
    asset = assets.files.get(request.match_info["path"])
    if asset is None or request.match_info["version"] != assets.version:
        raise NotFound("the page has no such file", hint="load the page again")
    return _answer(request, asset, {"Cache-Control": _FOR_GOOD})


def _answer(request: web.Request, asset: Asset, headers: dict[str, str]) -> web.Response:
    body = asset.data
    headers["Vary"] = "Accept-Encoding"
    if "gzip" in request.headers.get("Accept-Encoding", "") and asset.compressed is not None:
        body = asset.compressed
        headers["Content-Encoding"] = "gzip"
    return web.Response(
        body=body, content_type=asset.content_type, charset=_charset(asset), headers=headers
    )


def _charset(asset: Asset) -> str | None:
    return "utf-8" if asset.content_type.startswith("text/") else None
