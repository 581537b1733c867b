"""Refuses what a page of another origin wants to change, or to ask of the API (A4).

Browsers say where a request comes from in `Sec-Fetch-Site` or `Origin`; programs say neither.
No token in a form is needed for that, and there is none.

| request that may change something                             | outcome            |
| ------------------------------------------------------------- | ------------------ |
| `Sec-Fetch-Site` is ``same-origin`` or ``none``               | goes on            |
| `Sec-Fetch-Site` is anything else                             | 403 CROSS_ORIGIN   |
| none of it, `Origin` names the request's own `Host`           | goes on            |
| none of it, another `Origin`, ``null`` among them             | 403 CROSS_ORIGIN   |
| neither header                                                | goes on: no browser|

Another page cannot read an answer, but it could see how long one takes, and so what is found. So
browsers that say where they come from may only be led to the API by a link:

| `GET` of the API                                              | outcome            |
| ------------------------------------------------------------- | ------------------ |
| `Sec-Fetch-Site` as above, or none                            | goes on            |
| anything else, and a document is opened by a link             | goes on            |
| anything else: a fetch, a picture, a script, a frame          | 403 CROSS_ORIGIN   |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lethe_server.errors import CrossOrigin

if TYPE_CHECKING:
    from aiohttp import web

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OWN: Final = frozenset({"same-origin", "none"})
_API: Final = "/api/"


def check_origin(request: web.Request) -> None:
    """Refuse a request of another origin's page that changes something, or asks the API.

    Args:
        request: any.

    Raises:
        CrossOrigin: it does.
    """
    if request.method not in _SAFE:
        if not _is_own(request):
            raise CrossOrigin("a page of another origin may not change anything here")
    elif request.path.startswith(_API) and _is_foreign_look(request):
        raise CrossOrigin("a page of another origin may not ask anything here")


def _is_foreign_look(request: web.Request) -> bool:
    headers = request.headers
    if all(site in _OWN for site in headers.getall("Sec-Fetch-Site", [])):
        return False
    is_link = headers.get("Sec-Fetch-Mode") == "navigate"
    return not (is_link and headers.get("Sec-Fetch-Dest") == "document")


def _is_own(request: web.Request) -> bool:
    sites = request.headers.getall("Sec-Fetch-Site", [])
    if sites:
        return all(site in _OWN for site in sites)
    given = request.headers.getall("Origin", [])
    host = request.headers.get("Host", "").lower()
    return all(origin.lower() in (f"http://{host}", f"https://{host}") for origin in given)
