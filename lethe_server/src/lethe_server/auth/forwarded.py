"""The header of a reverse proxy that has signed the user in.

| request                                              | outcome                             |
| ---------------------------------------------------- | ----------------------------------- |
| the header is absent, empty or blank                 | no credential (401)                 |
| it comes from outside of `trusted_proxies`           | `Unauthorized` (401)                |
| a unix socket, from none of `trusted_peers`          | `Unauthorized` (401)                |
| `proxy_secret` is set; none, several or a wrong one  | `Unauthorized` (401)                |
| the header stands there twice                        | `InvalidRequest` (400)              |
| more than 255 characters, `a,b`, blanks, controls    | `InvalidRequest` (400)              |
| it is not UTF-8                                      | `InvalidRequest` (400)              |
| else                                                 | the user, exactly as written        |

`Remote_User` is another header: it is never read.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from lethe_server.auth.names import user_problem
from lethe_server.auth.peers import peer_address, peer_uid
from lethe_server.errors import InvalidRequest, Unauthorized

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.auth.settings import ForwardAuth

#: Header by which the proxy proves itself.
SECRET_HEADER: Final = "Lethe-Proxy-Secret"  # noqa: S105 - the name, not the secret


def forwarded_user(request: web.BaseRequest, settings: ForwardAuth) -> str | None:
    """Return the user that a trusted proxy names, or `None` if none does.

    Args:
        request: of the proxy.
        settings: how it is trusted.

    Raises:
        Unauthorized: the header came from where it is not believed.
        InvalidRequest: its value is no name of one user.
    """
    values = request.headers.getall(settings.user_header, [])
    if not settings.enabled or not any(value.strip() for value in values):
        return None
    if not (_is_trusted(request, settings) and _knows_secret(request, settings)):
        raise Unauthorized("the proxy's header does not come from a trusted proxy")
    if len(values) > 1:
        raise InvalidRequest("is given more than once", parameter=settings.user_header)
    user = str(values[0])
    problem = user_problem(user)
    if problem:
        raise InvalidRequest(problem, parameter=settings.user_header)
    return user


def _is_trusted(request: web.BaseRequest, settings: ForwardAuth) -> bool:
    address = peer_address(request)
    if address is None:
        return peer_uid(request) in settings.trusted_peers
    return any(address in network for network in settings.trusted_proxies)


def _knows_secret(request: web.BaseRequest, settings: ForwardAuth) -> bool:
    if not settings.proxy_secret:
        return True
    given = request.headers.getall(SECRET_HEADER, [])
    return len(given) == 1 and hmac.compare_digest(
        given[0].encode("utf-8", "surrogateescape"), settings.proxy_secret.encode()
    )
