"""Every route for everybody, as the table of docs/security.md says it (A13).

The table is the expectation, the route table of the server the list of what must stand there: a
route without a row fails, and so does a row without a route.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

import pytest
from security.served import NDJSON, turn

from lethe_server.routes import TABLE

#: Columns of the table, each with what is told for `own`, `other` and `*`.
ACTORS = ("nobody", "user", "admin", "ingest token", "read token")
TARGETS = {"own": {}, "other": {"owner": "bob"}, "*": {"owner": "*"}}

_ROW = re.compile(r"^\| `(?P<method>[A-Z]+) (?P<path>/\S*)` \|(?P<cells>.+)\|$", re.MULTILINE)
_PART = re.compile(r"\{(\w+)[^}]*\}")
#: What stands in the parts of a path; any other part is ``nothing``.
PLACES = {"tool": "claude-code", "host": "laptop", "session_id": "s1"}
#: What a route needs to be answered.
SAMPLES: dict[str, dict] = {
    "POST /api/v1/ingest": {"data": json.dumps(turn()).encode(), "headers": NDJSON},
    "POST /login": {"data": {"code": "nothing"}},
    "POST /api/v1/tokens": {
        "data": json.dumps({"name": "made", "scopes": ["read"]}).encode(),
        "headers": {"Content-Type": "application/json"},
    },
    "GET /api/v1/search": {"params": {"q": "text"}},
    "GET /api/v1/sessions/{tool}/{host}/{session_id}/find": {"params": {"q": "text"}},
    "PUT /api/v1/hosts/{host}/completeness": {"json": {"tools": {}}},
    "POST /api/v1/saved-searches": {"json": {"name": ..., "q": "text"}},
}


class Cell(NamedTuple):
    """One request of the matrix."""

    route: str
    actor: str
    target: str


def rows_of(document):
    """Read the table: the statuses by cell."""
    begin, end = "<!-- matrix -->", "<!-- end -->"
    table = document[document.index(begin) : document.index(end)]
    for match in _ROW.finditer(table):
        cells = [cell.split() for cell in match["cells"].split("|")]
        yield f"{match['method']} {match['path']}", cells


@pytest.fixture(scope="module")
def matrix(repository):
    """The table of docs/security.md: statuses by route, actor and target."""
    document = (repository / "docs" / "security.md").read_text(encoding="utf-8")
    return dict(rows_of(document))


@pytest.mark.promise("A13", "A2")
def test_a13_each_route_has_a_row_and_each_row_a_route(matrix):
    """The table in docs/security.md and the route table are of the same routes."""
    routes = {f"{route.method} {route.path}" for route in TABLE}

    assert routes == set(matrix), "add a row for each new route to docs/security.md"
    assert all(
        [len(TARGETS)] * len(ACTORS) == [len(cell) for cell in cells] for cells in matrix.values()
    )


@pytest.fixture(scope="module")
def credentials(served):
    """The headers of each actor, all behind a proxy: direct loopback may ask the open routes."""
    actors = {
        "nobody": {},
        "user": {"Remote-User": "alice"},
        "admin": {"Remote-User": "root"},
        "ingest token": {"Authorization": f"Bearer {served.token(scopes=('ingest',), name='i')}"},
        "read token": {"Authorization": f"Bearer {served.token(scopes=('read',), name='r')}"},
    }
    return {name: headers | {"X-Forwarded-For": "192.0.2.1"} for name, headers in actors.items()}


def sample_of(route, actor):
    """What the route needs; what has to have a name of its own gets the actor's."""
    sample = SAMPLES.get(route, {})
    if "json" not in sample:
        return sample
    return {"json": {k: actor if v is ... else v for k, v in sample["json"].items()}}


@pytest.mark.promise("A13", "A2", "A3")
@pytest.mark.parametrize("route", [f"{route.method} {route.path}" for route in TABLE])
async def test_a13_every_route_for_everybody(served, credentials, matrix, route):
    """Each route answers each kind of user, for own, others' and all data, as the table says."""
    for owner in ("alice", "bob", "root"):
        await served.send(turn(), user=owner)
    method, _, pattern = route.partition(" ")
    path = _PART.sub(lambda part: PLACES.get(part[1], "nothing"), pattern)
    found: list[list[str]] = []
    for actor in ACTORS:
        statuses = []
        for target in TARGETS.values():
            sample = sample_of(route, actor)
            headers = credentials[actor] | sample.get("headers", {})
            parameters = sample.get("params", {}) | target
            arguments = sample | {"headers": headers, "params": parameters}
            answer = await served.ask(method, path, read=False, **arguments)
            statuses.append(str(answer.status))
        found.append(statuses)

    assert dict(zip(ACTORS, matrix[route], strict=True)) == dict(zip(ACTORS, found, strict=True))


@pytest.mark.promise("A13", "A14")
async def test_a13_owner_is_refused_before_the_route_is_looked_at(served):
    """`owner` of somebody who is no admin is 403 on routes that do not exist, too."""
    for value in ("alice", "bob", "*", "", "ALICE"):
        answer = await served.get("/api/v1/nothing", user="alice", params={"owner": value})
        assert (403, "FORBIDDEN") == (answer.status, answer.code)

    twice = await served.get("/api/v1/sessions?owner=bob&owner=alice", user="root")
    assert (400, "INVALID") == (twice.status, twice.code)
