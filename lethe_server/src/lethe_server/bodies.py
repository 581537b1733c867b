"""Bodies of requests that are small JSON objects, described by marshmallow schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from marshmallow import RAISE, Schema, ValidationError

from lethe_core.decoding import DECODING_ERRORS
from lethe_core.errors import TooLarge
from lethe_server.errors import InvalidRequest, UnsupportedMedia
from lethe_server.parameters import shown

if TYPE_CHECKING:
    from aiohttp import web

CONTENT_TYPE: Final = "application/json"
#: Longer bodies are refused.
MAX_BYTES: Final = 64 * 1024

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Body(Schema):
    """Base of the schema of a body; what it does not name is refused."""

    error_messages = {"unknown": "is not known here"}  # noqa: RUF012 - marshmallow's form

    class Meta:
        unknown = RAISE


async def load_body(
    request: web.Request, schema: Schema, *, partial: bool = False
) -> dict[str, Any]:
    """Read the body of a request.

    Args:
        request: any.
        schema: what is allowed.
        partial: whether fields that are required may be left out.

    Raises:
        UnsupportedMedia: it is no JSON, or encoded.
        TooLarge: it has more than `MAX_BYTES`.
        InvalidRequest: it is not what the schema allows; the error names the field.
    """
    if request.content_type != CONTENT_TYPE or "Content-Encoding" in request.headers:
        raise UnsupportedMedia(f"the content type must be {CONTENT_TYPE}, without an encoding")
    try:
        given = _decode(await _read(request))
    except DECODING_ERRORS:
        raise InvalidRequest("the body is no JSON object") from None
    try:
        loaded: dict[str, Any] = schema.load(given, partial=partial)
    except ValidationError as error:
        name, problem = _first_problem(error.messages_dict)
        raise InvalidRequest(problem, parameter=shown(name)) from None
    return loaded


async def _read(request: web.Request) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BYTES:
            raise TooLarge(f"the body has more than {MAX_BYTES} bytes")
    return bytes(body)


def _first_problem(problems: dict[Any, Any]) -> tuple[str, str]:
    """Return the first field that is wrong, and what is wrong with it."""
    name = min(problems, key=str)
    problem = problems[name]
    while isinstance(problem, dict):
        problem = problem[min(problem, key=str)]
    return str(name), str(problem[0])
