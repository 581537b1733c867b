"""``/api/v1/saved-searches``: create, list, read, change, delete, run.

They belong to who asks. Admins may read and run those of others, and change their own alone.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final, TypedDict

import msgspec
from aiohttp import web
from marshmallow import fields

from lethe_server.answering import answer_json
from lethe_server.bodies import load_body
from lethe_server.errors import Conflict, NotFound
from lethe_server.keys import IDENTITY, STORE
from lethe_server.owners import the_only
from lethe_server.parameters import (
    NO_PARAMETERS,
    OWNER_PARAMETERS,
    OwnedParameters,
    load_parameters,
    whose,
)
from lethe_server.saved_searches.bodies import SAVED_SEARCH_BODY, load_search
from lethe_server.search.handler import answer_search
from lethe_server.storage.saved_searches import (
    MAX_SAVED,
    SavedSearch,
    change_saved,
    delete_saved,
    insert_saved,
    list_saved,
)

if TYPE_CHECKING:
    from lethe_server.storage.saved_searches import Outcome

PATH: Final = "/api/v1/saved-searches"
#: Seconds that a look-up may take.
SECONDS: Final = 2.0

_ID_BYTES: Final = 9


class RunParameters(OwnedParameters):
    """Query of a run: the page."""

    limit = fields.String(metadata={"description": "As in a search."})
    cursor = fields.String(metadata={"description": "As in a search."})


RUN_PARAMETERS: Final = RunParameters()


class SavedSearchAnswer(msgspec.Struct):
    """A saved search."""

    id: str
    name: str
    q: str
    filters: msgspec.Raw
    created_at: float
    changed_at: float
    owner: str | msgspec.UnsetType = msgspec.UNSET


class SavedSearchList(TypedDict):
    """Saved searches, by name."""

    saved_searches: list[SavedSearchAnswer]


async def list_searches(request: web.Request) -> web.Response:
    """Answer the saved searches of who asks, by name."""
    owner = whose(load_parameters(request, OWNER_PARAMETERS), request[IDENTITY])
    found = await request.app[STORE].query(
        lambda connection: list_saved(connection, owner), SECONDS
    )
    answer: SavedSearchList = {
        "saved_searches": [_answer(saved, name if owner is None else None) for name, saved in found]
    }
    return answer_json(answer)


async def create_search(request: web.Request) -> web.Response:
    """Save a search."""
    _check(request)
    body = await load_body(request, SAVED_SEARCH_BODY)
    filters = body.get("filters", {})
    load_search(body["q"], filters)
    now = time.time()
    identity = secrets.token_urlsafe(_ID_BYTES)
    saved = SavedSearch(identity, body["name"], body["q"], _encode(filters), now, now)
    owner = request[IDENTITY].user
    outcome = await request.app[STORE].change(
        lambda connection: insert_saved(connection, owner, saved)
    )
    _check_outcome(outcome)
    return answer_json(_answer(saved), status=201, headers={"Location": f"{PATH}/{identity}"})


async def show_search(request: web.Request) -> web.Response:
    """Answer a saved search."""
    owner = whose(load_parameters(request, OWNER_PARAMETERS), request[IDENTITY])
    name, saved = await _asked(request, owner)
    return answer_json(_answer(saved, name if owner is None else None))


async def change_search(request: web.Request) -> web.Response:
    """Change some fields of a saved search; the others stay."""
    _check(request)
    owner = request[IDENTITY].user
    _, before = await _asked(request, owner)
    body = await load_body(request, SAVED_SEARCH_BODY, partial=True)
    q = body.get("q", before.q)
    filters = body.get("filters", msgspec.json.decode(before.filters))
    load_search(q, filters)
    saved = before._replace(
        name=body.get("name", before.name),
        q=q,
        filters=_encode(filters),
        changed_at=max(time.time(), before.changed_at),
    )
    outcome = await request.app[STORE].change(
        lambda connection: change_saved(connection, owner, saved)
    )
    _check_outcome(outcome)
    return answer_json(_answer(saved))


async def delete_search(request: web.Request) -> web.Response:
    """Delete a saved search."""
    _check(request)
    owner, identity = request[IDENTITY].user, request.match_info["id"]
    outcome = await request.app[STORE].change(
        lambda connection: delete_saved(connection, owner, identity)
    )
    _check_outcome(outcome)
    return web.Response(status=204)


async def run_search(request: web.Request) -> web.Response:
    """Answer a page of what a saved search finds now among the turns of whom was asked for."""
    page = load_parameters(request, RUN_PARAMETERS)
    _, saved = await _asked(request, whose(page, request[IDENTITY]))
    given = {name: value for name, value in page.items() if value is not None}
    asked = load_search(saved.q, msgspec.json.decode(saved.filters), given)
    return await answer_search(request, asked)


def _check(request: web.Request) -> None:
    load_parameters(request, NO_PARAMETERS)


async def _asked(request: web.Request, owner: str | None) -> tuple[str, SavedSearch]:
    identity = request.match_info["id"]
    found = await request.app[STORE].query(
        lambda connection: list_saved(connection, owner, identity), SECONDS
    )
    return the_only(found, missing="there is no such saved search", what="a search of this id")


def _check_outcome(outcome: Outcome) -> None:
    if outcome == "missing":
        raise NotFound("there is no such saved search")
    if outcome == "taken":
        raise Conflict("a saved search has this name already")
    if outcome == "full":
        raise Conflict(f"there are {MAX_SAVED} saved searches already", hint="delete one first")


def _encode(filters: dict[str, str]) -> str:
    return msgspec.json.encode(filters, order="sorted").decode()


def _answer(saved: SavedSearch, owner: str | None = None) -> SavedSearchAnswer:
    return SavedSearchAnswer(
        id=saved.id,
        name=saved.name,
        q=saved.q,
        filters=msgspec.Raw(saved.filters.encode()),
        created_at=saved.created_at,
        changed_at=saved.changed_at,
        owner=msgspec.UNSET if owner is None else owner,
    )
