"""The specification says what the server does."""

from __future__ import annotations

import re

import jsonschema
import pytest
from openapi_spec_validator import validate

from lethe_server.conditional import CACHE_CONTROL
from lethe_server.events.messages import parse_id
from lethe_server.openapi.operations import OPERATIONS
from lethe_server.openapi.page import PAGE_POLICY, STYLE, write_page
from lethe_server.openapi.specification import make_specification
from lethe_server.problems import STATUS
from lethe_server.routes import TABLE

SESSION = "/sessions/claude-code/laptop/s1"


def all_operations(spec):
    """Give each operation with its method and path."""
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def test_it_is_valid():
    """The specification follows OpenAPI 3.1."""
    validate(make_specification())


def test_every_route_is_specified():
    """Each route of the API stands in the specification, and nothing else does."""
    routes = {(route.method, route.path) for route in TABLE if route.path.startswith("/api/")}

    assert {(method, path) for method, path, _ in all_operations(make_specification())} == routes
    assert set(OPERATIONS) == routes


def test_operations_have_names_of_their_own():
    """Programs are generated from the names of operations."""
    names = [operation["operationId"] for *_, operation in all_operations(make_specification())]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names), names


def test_parameters_are_those_that_are_read():
    """Each parameter of a schema stands there, with its bounds, its words and its meaning."""
    spec = make_specification()
    for (method, path), operation in OPERATIONS.items():
        described = spec["paths"][path][method.lower()]["parameters"]
        named = [one["name"] for one in described if one["in"] == "query"]
        assert named == list(operation.parameters.fields), path
    (limit,) = (
        one
        for one in spec["paths"]["/api/v1/search"]["get"]["parameters"]
        if one["name"] == "limit"
    )

    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    (group_by,) = (
        one
        for one in spec["paths"]["/api/v1/stats"]["get"]["parameters"]
        if one["name"] == "group_by"
    )
    assert group_by["schema"] == {"type": "array", "items": {"type": "string"}}


def test_failures_are_those_of_the_server():
    """No status is promised that no error has."""
    told = {
        int(status)
        for *_, operation in all_operations(make_specification())
        for status in operation["responses"]
    }

    assert told - {200, 201, 204, 304} <= set(STATUS.values())


@pytest.fixture
def check():
    """Check an answer against the schema of its route."""
    spec = make_specification()

    def check(path, answer):
        content = spec["paths"][path]["get"]["responses"]["200"]["content"]
        schema = content["application/json"]["schema"]
        jsonschema.validate(answer, schema | {"components": spec["components"]})

    return check


async def test_answers_follow_it(archive, event, check):
    """What is answered of a real archive is what the specification says."""
    call = {"id": "c", "name": "Bash", "input": {"command": "ls"}, "output": "roses"}
    usage = {"key": "k", "input": 1, "output": 2}
    meta = {"title": "t", "working_dir": "/garden", "parent_session_id": "s2"}
    await archive.send(
        event(1, content="roses", session_meta=meta | {"relation": "subagent"}),
        event(2, role="assistant", usage=usage, model="m", cost_usd=0.5),
        event(3, role="tool", tool_calls=[call], timestamp=...),
        event(1, session_id="s2"),
    )
    template = "/api/v1/sessions/{tool}/{host}/{session_id}"
    asked = {
        "/api/v1/sessions": ("/sessions", {}),
        "/api/v1/search": ("/search", {"q": "roses", "include_tool_outputs": "true"}),
        template: (SESSION, {"turns": 2}),
        f"{template}/export": (f"{SESSION}/export", {}),
        f"{template}/related": (f"{SESSION}/related", {}),
        f"{template}/find": (f"{SESSION}/find", {"q": "roses"}),
        "/api/v1/stats": ("/stats", {"group_by": "tool,day"}),
        "/api/v1/projects": ("/projects", {}),
        "/api/v1/tools": ("/tools", {}),
        "/api/v1/hosts": ("/hosts", {}),
        "/api/v1/saved-searches": ("/saved-searches", {}),
        "/api/v1/openapi.json": ("/openapi.json", {}),
    }
    for path, (place, parameters) in asked.items():
        check(path, await archive.get(place, **parameters))
    with pytest.raises(jsonschema.ValidationError):
        check("/api/v1/sessions", {"sessions": [{}]})


async def test_it_is_served(archive):
    """The specification and the page come with a tag, and with the policy of a page."""
    headers = {"Remote-User": "alice"}
    for path, kind in (
        ("/api/v1/openapi.json", "application/json"),
        ("/api/v1/docs.css", "text/css; charset=utf-8"),
        ("/api/v1/docs", "text/html; charset=utf-8"),
    ):
        answer = await archive.client.get(path, headers=headers)
        again = await archive.client.get(
            path, headers=headers | {"If-None-Match": answer.headers["ETag"]}
        )

        assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
        assert answer.headers["Cache-Control"] == CACHE_CONTROL
        assert again.status == 304
        # A browser puts the headers of this answer in the place of those that it has kept.
        policies = [each.headers["Content-Security-Policy"] for each in (answer, again)]
        assert policies[0] == policies[1]
    assert answer.headers["Content-Security-Policy"] == PAGE_POLICY


def test_page_shows_everything():
    """Each route, parameter and type stands on the page, and nothing is fetched for it."""
    spec = make_specification()
    page = write_page(spec)

    for method, path, operation in all_operations(spec):
        assert f"<b>{method}</b> {path}</code>" in page
        for parameter in operation["parameters"]:
            assert f"<code>{parameter['name']}</code>" in page
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))
    assert not re.search(r"<script|<img|<style|src=|style=|https?:", page)
    assert re.findall(r"<link[^>]+>", page) == ['<link rel="stylesheet" href="docs.css">']
    assert "url(" not in STYLE


def test_page_takes_nothing_for_markup():
    """Text of the specification is text on the page."""
    spec = make_specification()
    evil = {**spec, "info": {**spec["info"], "title": "<script>", "description": "<b onclick=x>"}}

    assert "<script>" not in write_page(evil)
    assert "<b onclick" not in write_page(evil)


def test_ids_of_events_are_read_as_they_are_written():
    """An id has the form that the documentation shows."""
    assert parse_id("4711-1c0ffee5bad") == ((4711, 0x1C0FFEE5BAD),)
