"""Headers of every answer: what browsers may make of it, and the request's name (A4, A6)."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final

from multidict import istr

from lethe_server.keys import REQUEST_ID
from lethe_server.middleware.access_log import REQUEST_ID_HEADER

if TYPE_CHECKING:
    from aiohttp import web

#: Of every answer: nothing may be loaded, framed, sent or rebased. A page says what it needs.
CONTENT_POLICY: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"

_TEXTS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
#: Names that are folded already: the framework would fold them for each answer.
HEADERS: Final = {istr(name): value for name, value in _TEXTS.items()}
_SERVER: Final = istr("Server")
_REQUEST_ID: Final = istr(REQUEST_ID_HEADER)


def policy_of_style(style: str) -> str:
    """Return what a policy says to allow one `<style>` and nothing else.

    Args:
        style: what stands between the tags.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"style-src 'sha256-{digest}'"


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that an answer does not set itself.

    Args:
        request: that is answered.
        response: whose head is about to be written.
    """
    headers = response.headers
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers[_SERVER] = "lethe"
    request_id = request.get(REQUEST_ID)
    if request_id is not None:
        headers[_REQUEST_ID] = request_id
