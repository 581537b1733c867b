"""Refuses requests whose `Host` names somebody else (A4: DNS rebinding).

| request                                                | outcome                |
| ------------------------------------------------------ | ---------------------- |
| no `Host`, or several                                  | 400 ``INVALID``        |
| a loopback name, or one of `allowed_hosts`; any port   | goes on                |
| any other name, also in an absolute request target     | 403 HOST_NOT_ALLOWED   |
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from lethe_server.errors import HostNotAllowed, InvalidRequest
from lethe_server.keys import CONFIG

if TYPE_CHECKING:
    from aiohttp import web

#: Names that are remembered: most requests have the same.
_KNOWN: Final = 16
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::[0-9]{1,5})?")


def check_host(request: web.Request) -> None:
    """Refuse a request that is not meant for this server.

    Args:
        request: any.

    Raises:
        HostNotAllowed: it names another host.
        InvalidRequest: it names none, or several.
    """
    given = request.headers.getall("Host", [])
    if len(given) != 1:
        raise InvalidRequest("must be given once", parameter="Host")
    allowed = request.app[CONFIG].allowed_hosts
    names = {host_name(given[0])}
    if request.host != given[0]:
        names.add(_target_name(request.host))
    if not (names <= _LOOPBACK or names <= _LOOPBACK | allowed):
        raise HostNotAllowed("this server does not answer for that host")


def _target_name(host: str) -> str:
    """Return the name of the host of an absolute request target, which comes without a port."""
    return f"[{host}]" if ":" in host else host.lower()


@lru_cache(_KNOWN)
def host_name(host: str) -> str:
    """Return the name in a `Host` header, in lower case and without the port.

    Args:
        host: the header.

    Returns:
        The name; empty if the header is malformed.
    """
    match = _HOST.fullmatch(host)
    return match[1].lower() if match else ""
