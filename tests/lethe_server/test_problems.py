"""Errors and their status codes."""

from __future__ import annotations

import inspect

import pytest
from aiohttp import web

from lethe_core import errors as core
from lethe_server import errors
from lethe_server.problems import HTTP_CODES, INTERNAL, STATUS, describe_problem


def classes():
    """All errors of the server."""
    return [
        value
        for _, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, core.LetheError)
    ]


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_each_error_has_a_status(kind):
    """No error of lethe is a 500, and those that may pass later say when."""
    problem = describe_problem(kind("what is wrong"))

    assert 400 <= problem.status < 600
    assert problem.status != 500
    assert kind.code == problem.code
    assert ("Retry-After" in problem.headers) == issubclass(kind, core.Unavailable)


def test_the_tree_is_drawn():
    """The docstring of the errors names each of them with its code."""
    for kind in classes():
        if kind.__module__ == errors.__name__:
            assert kind.__name__ in (errors.__doc__ or "")
            assert kind.code in (errors.__doc__ or "")


def test_codes_of_the_framework_fit_those_of_lethe():
    """A status that the framework answers has the code that lethe gives to it."""
    ours = {
        status: {kind.code for kind in STATUS if STATUS[kind] == status} for status in HTTP_CODES
    }
    for status, code in HTTP_CODES.items():
        assert not ours[status] or code in ours[status]


@pytest.mark.promise("A8")
def test_a_mistake_tells_nothing():
    """An error that nobody foresaw is INTERNAL, without its words."""
    problem = describe_problem(KeyError("secret"))

    assert (500, INTERNAL) == (problem.status, problem.code)
    assert "secret" not in problem.detail


def test_an_error_of_the_framework_keeps_what_helps():
    """A 405 says which methods there are."""
    problem = describe_problem(web.HTTPMethodNotAllowed("PUT", ["GET", "POST"]))

    assert (405, "METHOD_NOT_ALLOWED") == (problem.status, problem.code)
    assert "GET,POST" == problem.headers["Allow"]
