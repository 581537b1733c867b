"""Compresses answers (see `lethe_server.encodings`).

| answer                                             | what happens                            |
| -------------------------------------------------- | --------------------------------------- |
| JSON or text of 1 KiB or more                      | compressed if the client asks for it    |
| smaller, of another type, or compressed already    | as it is                                |
| written piece by piece                             | as its handler writes it                |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from lethe_server.encodings import MIN_BYTES, choose_encoding, compress_body

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

_TYPES: Final = ("application/json", "application/problem+json", "text/")


@web.middleware
async def compression(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle a request and compress its answer."""
    response = await handler(request)
    if not isinstance(response, web.Response) or response.prepared:
        return response
    body = response.body
    if (
        not isinstance(body, bytes)
        or len(body) < MIN_BYTES
        or "Content-Encoding" in response.headers
        or not response.content_type.startswith(_TYPES)
    ):
        return response
    response.headers["Vary"] = "Accept-Encoding"
    encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))
    if encoding is not None:
        response.body = await compress_body(body, encoding)
        response.headers["Content-Encoding"] = encoding
    return response
