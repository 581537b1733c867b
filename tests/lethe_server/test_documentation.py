"""docs/ names every route, parameter, field, code, metric and setting of the server."""

from __future__ import annotations

import re

import pytest

from lethe_server import errors
from lethe_server.config import ServerSettings
from lethe_server.metrics import Metrics
from lethe_server.problems import HTTP_CODES, INTERNAL
from lethe_server.routes import TABLE
from lethe_server.sessions.answers import SessionAnswer, TurnAnswer, UsageAnswer
from lethe_server.sessions.handler import DETAIL_PARAMETERS, LIST_PARAMETERS


@pytest.fixture(scope="module")
def api(repository):
    """The text of docs/api.md."""
    return (repository / "docs" / "api.md").read_text()


@pytest.mark.parametrize("route", TABLE, ids=lambda route: f"{route.method} {route.path}")
def test_each_route_is_documented(api, route):
    """A route stands in docs/api.md with its method."""
    assert f"`{route.method} {route.path}`" in api


def test_parameters_and_fields_are_documented(api):
    """Each parameter of the sessions' routes and each field of their answers is explained."""
    names = [*LIST_PARAMETERS.fields, *DETAIL_PARAMETERS.fields]
    for answer in (SessionAnswer, TurnAnswer):
        names += answer.__struct_fields__
    for name in names:
        assert f"`{name}`" in api, name
    for name in UsageAnswer.__struct_fields__:
        assert re.search(rf"\b{name}\b", api), name


def test_codes_are_documented(api):
    """Each code of a problem has a row."""
    codes = {kind.code for kind in vars(errors).values() if hasattr(kind, "code")}
    for code in codes | set(HTTP_CODES.values()) | {INTERNAL, "WIRE_VERSION", "TOO_LARGE"}:
        assert f"| `{code}` |" in api, code


def test_metrics_are_documented(api):
    """Each metric is named as Prometheus shows it."""
    for family in Metrics().registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        assert f"`{name}`" in api, name


def test_settings_are_documented(repository):
    """Each key of the configuration has a row."""
    text = (repository / "docs" / "configuration-server.md").read_text()

    def check(schema, prefix=""):
        for name, field in schema.fields.items():
            if hasattr(field, "schema"):
                check(field.schema, f"{prefix}{name}.")
            else:
                assert f"| `{prefix}{name}` |" in text, f"{prefix}{name}"

    check(ServerSettings())
