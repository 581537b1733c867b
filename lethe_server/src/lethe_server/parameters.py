"""Query parameters: strict, most at most once, described by marshmallow schemas."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from lethe_core.limits import MAX_TIMESTAMP
from lethe_server.auth.names import user_problem
from lethe_server.errors import Forbidden, InvalidRequest

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.auth.identity import Identity

#: The owner that stands for all.
EVERYBODY: Final = "*"
_ADMIN_HINT: Final = "the server's `auth.admins` lists them; a token needs the scope `admin`, too"

_WHOLE: Final = re.compile(r"[0-9]{1,16}")
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


def _messages(**messages: str) -> dict[str, Any]:
    return dict(messages)


class Parameters(Schema):
    """Base of the schema of a route's query.

    Attributes:
        repeatable: parameters that may be given several times, which is the same as with commas.
    """

    repeatable: ClassVar[frozenset[str]] = frozenset()
    error_messages = _messages(unknown="is not known here")
    _of_nothing: dict[str, Any] | None = None

    class Meta:
        unknown = RAISE

    def load_nothing(self) -> dict[str, Any]:
        """Return what an empty query comes to: most are empty, and it is always the same.

        Raises:
            ValidationError: a parameter is required.
        """
        if self._of_nothing is None:
            self._of_nothing = self.load({})
        return self._of_nothing.copy()


class Whole(fields.Integer):
    """A whole number in plain digits, within bounds."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        error = f"must be a whole number from {low} to {high}"
        self._error = error
        super().__init__(validate=validate.Range(low, high, error=error), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        if not _WHOLE.fullmatch(value):
            raise ValidationError(self._error)
        return int(value)


class Text(fields.String):
    """A text that is not empty and not endless."""

    def __init__(self, longest: int = 1000, **kwargs: Any) -> None:
        error = f"must be a text of 1 to {longest} characters"
        super().__init__(validate=validate.Length(1, longest, error=error), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise ValidationError("must be UTF-8")
        return text


class Choice(fields.String):
    """One of a few words.

    Args:
        words: what is allowed.
    """

    def __init__(self, *words: str, **kwargs: Any) -> None:
        error = f"must be one of: {', '.join(words)}"
        super().__init__(validate=validate.OneOf(words, error=error), **kwargs)


class Time(fields.Float):
    """A moment: Unix seconds, or a date or time of ISO 8601, in UTC unless it says otherwise."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        seconds = float(value) if _NUMBER.fullmatch(value) else _iso_seconds(value)
        if seconds is None or not math.isfinite(seconds) or not 0 <= seconds <= MAX_TIMESTAMP:
            raise ValidationError("must be Unix seconds, or a date or time such as 2026-10-01")
        return seconds


class LocalTime(Time):
    """A moment as `Time`; without an offset it is of the zone that the request names."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        seconds = super()._deserialize(value, attr, data, **kwargs)
        moment = None if _NUMBER.fullmatch(value) else dt.datetime.fromisoformat(value)
        return moment if moment and moment.tzinfo is None else seconds


class Flag(fields.Boolean):
    """Yes or no."""

    def __init__(self, **kwargs: Any) -> None:
        messages = _messages(invalid="must be true or false")
        super().__init__(
            truthy={"true", "1"}, falsy={"false", "0"}, error_messages=messages, **kwargs
        )


class Zone(fields.String):
    """A time zone by its IANA name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValidationError("must be a time zone such as Europe/Berlin") from None


class AnyUser(fields.String):
    """The name of a user, or ``*`` for all."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if text != EVERYBODY and user_problem(text):
            raise ValidationError("must be the name of one user, or *")
        return text


class OwnedParameters(Parameters):
    """Base of the schema of a route that reads what belongs to somebody."""

    owner = AnyUser(
        load_default=None, metadata={"description": "For admins: whose; `*` for everybody's."}
    )


#: Of routes without a query, and of those that may be asked for an owner and nothing else.
NO_PARAMETERS: Final = Parameters()
OWNER_PARAMETERS: Final = OwnedParameters()


def load_parameters(request: web.BaseRequest, schema: Parameters) -> dict[str, Any]:
    """Read the query of a request.

    Args:
        request: any.
        schema: what is allowed.

    Raises:
        InvalidRequest: a parameter is unknown, given twice or wrong; the error names it.
    """
    given: dict[str, str] = {}
    for name, value in request.query.items() if request.query_string else ():
        if name in given and name not in schema.repeatable:
            raise InvalidRequest("is given more than once", parameter=shown(name))
        given[name] = f"{given[name]},{value}" if name in given else value
    try:
        loaded: dict[str, Any] = schema.load(given) if given else schema.load_nothing()
    except ValidationError as error:
        problems: dict[str, list[str]] = error.messages_dict
        name = min(problems)
        raise InvalidRequest(problems[name][0], parameter=shown(name)) from None
    return loaded


def whose(asked: dict[str, Any], identity: Identity) -> str | None:
    """Return whose rows are asked for; `None` for everybody's.

    Args:
        asked: loaded by `OwnedParameters`.
        identity: who asks; an admin if there is an `owner`, which the sign-in has checked.
    """
    owner: str = asked["owner"] or identity.user
    return None if owner == EVERYBODY else owner


def load_span(asked: dict[str, Any], zone: dt.tzinfo) -> dict[str, float | None]:
    """Return `since` and `until` in Unix seconds.

    Args:
        asked: with fields of `LocalTime`.
        zone: of times that name none.

    Raises:
        InvalidRequest: one of them is no time, or `since` is after `until`.
    """
    span: dict[str, float | None] = {}
    for name in ("since", "until"):
        value = asked[name]
        if isinstance(value, dt.datetime):
            try:
                value = value.replace(tzinfo=zone).timestamp()
            except (ValueError, OverflowError):
                value = -1.0
            if not 0 <= value <= MAX_TIMESTAMP:
                raise InvalidRequest("lies outside of 1970 to 9999", parameter=name)
        span[name] = value
    check_span(span["since"], span["until"])
    return span


def check_span(since: float | None, until: float | None) -> None:
    """Refuse a span of time that ends before it begins.

    Raises:
        InvalidRequest: it does.
    """
    if since is not None and until is not None and since > until:
        raise InvalidRequest("is after `until`", parameter="since")


def asked_owner(request: web.BaseRequest, identity: Identity) -> str | None:
    """Return the `owner` of a query, or `None` if there is none (A14).

    Args:
        request: any.
        identity: who asks.

    Returns:
        The name, or `EVERYBODY`.

    Raises:
        Forbidden: it is there, whatever its value, and who asks is no admin.
        InvalidRequest: it is given twice, or is no name of a user.
    """
    given = request.query.getall("owner", []) if request.query_string else None
    if not given:
        return None
    if not identity.is_admin:
        raise Forbidden("only admins may ask for an owner", hint=_ADMIN_HINT)
    if len(given) > 1:
        raise InvalidRequest("is given more than once", parameter="owner")
    if given[0] != EVERYBODY and user_problem(given[0]):
        raise InvalidRequest("must be the name of one user, or *", parameter="owner")
    return given[0]


def shown(name: str) -> str:
    """Return a parameter's name, which is the client's text: told only if it is a harmless one.

    Args:
        name: of a parameter or field.
    """
    return name if re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name) else "a parameter"


def _iso_seconds(value: str) -> float | None:
    try:
        moment = dt.datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None
