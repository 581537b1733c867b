"""What is sent of a saved search."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

from marshmallow import ValidationError, fields

from lethe_server.bodies import Body
from lethe_server.errors import InvalidRequest
from lethe_server.parameters import check_span
from lethe_server.search.handler import SEARCH_PARAMETERS, query_of

#: Longest name, in characters.
MAX_NAME: Final = 100
#: Parameters of a search that belong to a page of it, not to the search.
_OF_PAGES: Final = frozenset({"q", "limit", "cursor", "owner"})


class _Name(fields.String):
    """A line of text, its blanks folded."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        name = " ".join(unicodedata.normalize("NFC", text).split())
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise ValidationError(f"must be a line of 1 to {MAX_NAME} characters")
        return name


class _Filters(fields.Field[dict[str, str]]):
    """Parameters of a search, as text; numbers and truth values may stand for themselves."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        return {str(name): _as_text(each) for name, each in value.items() if each is not None}


class SavedSearchBody(Body):
    """Body of a saved search."""

    name = _Name(required=True, metadata={"description": "Unique for its owner."})
    q = fields.String(required=True, metadata={"description": "Words, as in a search."})
    filters = _Filters(metadata={"description": "Parameters of the search, but of its pages."})


SAVED_SEARCH_BODY: Final = SavedSearchBody()


def load_search(
    q: str, filters: dict[str, str], page: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the parameters of the search, as its route loads them.

    Args:
        q: what was typed.
        filters: by the names of the search's parameters.
        page: `limit`, `cursor` and `owner`.

    Raises:
        InvalidRequest: one of them is wrong; the error names it.
    """
    for name in sorted(filters):
        if name in _OF_PAGES or name not in SEARCH_PARAMETERS.fields:
            raise InvalidRequest("holds a name that is no filter of a search", parameter="filters")
    try:
        asked: dict[str, Any] = SEARCH_PARAMETERS.load({"q": q} | filters | (page or {}))
    except ValidationError as error:
        name = min(error.messages_dict)
        raise InvalidRequest(error.messages_dict[name][0], parameter=str(name)) from None
    check_span(asked["since"], asked["until"])
    query_of(asked)
    return asked


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise ValidationError("holds a value that is neither text, number nor truth value")
