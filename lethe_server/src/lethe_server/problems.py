"""Problems: the only place that maps errors to status codes (RFC 9457).

Every error is ``application/problem+json`` with ``type``, ``title``, ``status``, ``code``,
``detail`` and ``request_id``, and ``hint`` or ``parameter`` where there is one (A8). `code` is
stable; the words are not. Nothing of a request's content, no SQL, no path and no stack is in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from lethe_core import errors as core
from lethe_server import errors

CONTENT_TYPE: Final = "application/problem+json"

#: Status by the class of an error; of several that fit, the nearest in its ancestry.
STATUS: Final[dict[type[core.LetheError], int]] = {
    core.UsageError: 400,
    core.ConfigInvalid: 400,
    core.InvalidEvent: 400,
    core.WireVersionUnknown: 400,
    core.TooLarge: 413,
    core.Unavailable: 503,
    errors.InvalidRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.HostNotAllowed: 403,
    errors.CrossOrigin: 403,
    errors.NotFound: 404,
    errors.RequestTimeout: 408,
    errors.Conflict: 409,
    errors.UnsupportedMedia: 415,
}

#: Code of the errors that the web framework raises.
HTTP_CODES: Final = {
    400: "INVALID",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    417: "INVALID",
    503: "UNAVAILABLE",
}
INTERNAL: Final = "INTERNAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is answered in place of what was asked for.

    Args:
        status: of HTTP.
        code: stable.
        detail: for people.
        extra: further members.
        headers: of the answer.
    """

    status: int
    code: str
    detail: str
    extra: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def response(self, request_id: str) -> web.Response:
        """Make the answer.

        Args:
            request_id: names the request in the log.
        """
        body = {
            "type": f"urn:lethe:problem:{self.code}",
            "title": _phrase(self.status),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
        }
        return web.Response(
            status=self.status,
            body=msgspec.json.encode(body | self.extra),
            content_type=CONTENT_TYPE,
            headers=self.headers,
        )


def describe_problem(error: Exception) -> Problem:
    """Say what is answered for an error.

    Args:
        error: what a handler or middleware raised.
    """
    if isinstance(error, core.LetheError):
        return _of_lethe(error)
    if isinstance(error, web.HTTPException):
        allow = error.headers.get("Allow")
        return Problem(
            status=error.status,
            code=HTTP_CODES.get(error.status, INTERNAL),
            detail=_phrase(error.status),
            headers={"Allow": allow} if allow else {},
        )
    detail = "the server made a mistake; its log says more under this request_id"
    return Problem(status=500, code=INTERNAL, detail=detail)


def _of_lethe(error: core.LetheError) -> Problem:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    headers: dict[str, str] = {}
    extra: dict[str, str] = {}
    if error.hint:
        extra["hint"] = error.hint
    if isinstance(error, errors.InvalidRequest) and error.parameter:
        extra["parameter"] = error.parameter
    if isinstance(error, core.Unavailable):
        headers["Retry-After"] = str(getattr(error, "retry_after", 5))
    if isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="lethe"'
    if isinstance(error, errors.UnsupportedMedia):
        headers["Accept-Encoding"] = "gzip, zstd"
    return Problem(
        status=status, code=error.code, detail=error.message, extra=extra, headers=headers
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
