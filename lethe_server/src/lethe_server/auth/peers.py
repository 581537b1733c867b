"""Who is at the other end of a connection: an address, or a user of this system."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp import web

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Whoever sends one of these is a proxy, and speaks for somebody else.
PROXY_HEADERS: Final = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)

#: pid, uid and gid of a peer, as Linux tells them.
_CREDENTIALS: Final = struct.Struct("3i")


def peer_address(request: web.BaseRequest) -> Address | None:
    """Return the address that a request's connection comes from, or `None` for a unix socket.

    Args:
        request: any.
    """
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if not isinstance(peer, tuple):
        return None
    address = ipaddress.ip_address(peer[0])
    mapped: Address | None = getattr(address, "ipv4_mapped", None)
    return mapped or address


def peer_uid(request: web.BaseRequest) -> int | None:
    """Return the id of the user who opened a unix connection; `None` if it is none.

    The kernel noted it when the connection was made; nobody can send another one. A system that
    does not tell it (only Linux is asked) gives `None`, and nobody is trusted.

    Args:
        request: any.
    """
    connection = request.transport.get_extra_info("socket") if request.transport else None
    option = getattr(socket, "SO_PEERCRED", None)
    if connection is None or connection.family != socket.AF_UNIX or option is None:
        return None
    data = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(data)[1])


def is_direct(request: web.BaseRequest, user_header: str) -> bool:
    """Tell whether a request comes from this machine itself, through no proxy.

    That is a peer on loopback, or through the unix socket the server's own user or root.

    Args:
        request: any.
        user_header: of the reverse proxy.
    """
    if any(name in request.headers for name in (*PROXY_HEADERS, user_header)):
        return False
    address = peer_address(request)
    if address is not None:
        return address.is_loopback
    return peer_uid(request) in (0, os.geteuid())
