"""JSON as tools really write it: decoded strictly first, then as a person would read it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_core.limits import MAX_INTEGER

if TYPE_CHECKING:
    from collections.abc import Callable

#: What a strict msgspec decoder raises on content.
DECODING_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_SURROGATE = re.compile("[\ud800-\udfff]")


class WrongShape(ValueError):
    """It is JSON, but not of the kind that was expected."""


def decode_tolerantly(
    data: bytes, decode: Callable[[bytes], Any], *, kind: type | None = None
) -> tuple[Any, bool]:
    """Decode what a strict decoder refuses and a person would still read.

    Invalid UTF-8 and lone surrogates become U+FFFD, NaN, infinities and integers that are too large
    for a float `None`, other integers beyond 64 bits floats; of equal keys the last one counts.

    Args:
        data: the JSON.
        decode: the strict decoder; it gets the cleaned JSON.
        kind: `dict`, if it must be an object.

    Returns:
        The value, and whether there were bytes that are no UTF-8.

    Raises:
        ValueError: it is no JSON, not of the kind, or has fields of wrong types.
        RecursionError: it is nested too deeply.
    """
    text = data.decode("utf-8", "replace")
    value = json.loads(text, parse_constant=lambda _: None)
    if kind is dict and not isinstance(value, dict):
        raise WrongShape(f"a record must be an object, this is a {type(value).__name__}")
    return decode(msgspec.json.encode(_clean(value))), "\ufffd" in text


def describe(error: Exception, what: str) -> tuple[str, str]:
    """Name an error of decoding: a stable code, and a reason without content.

    Args:
        error: what `decode_tolerantly` raised.
        what: the thing that was decoded, such as ``line``.
    """
    match error:
        case RecursionError():
            return "TOO_DEEP", f"the {what} is nested too deeply"
        case json.JSONDecodeError():
            return "MALFORMED", f"the {what} is no JSON: {error.msg} at character {error.pos}"
        case WrongShape():
            return "NOT_AN_OBJECT", str(error)
        case msgspec.ValidationError():
            return "WRONG_TYPE", str(error)
        case _:
            return "MALFORMED", f"the {what} has a value that cannot be read"


def _clean(value: Any) -> Any:
    """Make a decoded value encodable: no lone surrogates, no integers beyond 64 bits."""
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value)
        case bool() | None:
            return value
        case int():
            return value if -MAX_INTEGER <= value <= MAX_INTEGER else _float_of(value)
        case list():
            return [_clean(item) for item in value]
        case dict():
            return {_clean(key): _clean(item) for key, item in value.items()}
        case _:
            return value


def _float_of(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:  # as large as what JSON writes as 1e400, which is no number either
        return None
