"""Refuses what a page of another origin wants to change (A4).

Browsers say where a request comes from in `Sec-Fetch-Site` or `Origin`; programs say neither.
No token in a form is needed for that, and there is none.

| request that may change something                             | outcome            |
| ------------------------------------------------------------- | ------------------ |
| `Sec-Fetch-Site` is ``same-origin`` or ``none``               | goes on            |
| `Sec-Fetch-Site` is anything else                             | 403 CROSS_ORIGIN   |
| none of it, `Origin` names the request's own `Host`           | goes on            |
| none of it, another `Origin`, ``null`` among them             | 403 CROSS_ORIGIN   |
| neither header                                                | goes on: no browser|
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lethe_server.errors import CrossOrigin

if TYPE_CHECKING:
    from aiohttp import web

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OWN: Final = frozenset({"same-origin", "none"})


def check_origin(request: web.Request) -> None:
    """Refuse a request that changes something and comes from another origin's page.

    Args:
        request: any.

    Raises:
        CrossOrigin: it does.
    """
    if request.method not in _SAFE and not _is_own(request):
        raise CrossOrigin("a page of another origin may not change anything here")


def _is_own(request: web.Request) -> bool:
    sites = request.headers.getall("Sec-Fetch-Site", [])
    if sites:
        return all(site in _OWN for site in sites)
    given = request.headers.getall("Origin", [])
    host = request.headers.get("Host", "").lower()
    return all(origin.lower() in (f"http://{host}", f"https://{host}") for origin in given)
