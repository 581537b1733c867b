"""The error tree: what is drawn is what is there."""

from __future__ import annotations

import re

import pytest

from lethe_core import errors
from lethe_core.errors import InvalidEvent, LetheError


def drawn():
    """Read the tree of the module's docstring: name, parent and code of each error."""
    rows, stack = [], []
    for line in errors.__doc__.splitlines():
        found = re.match(r"    (?P<lead>[ │├└─]*)(?P<name>[A-Z]\w+)(?: +(?P<rest>.+))?$", line)
        if not found:
            continue
        depth = len(found["lead"]) // 4
        stack[depth:] = [found["name"]]
        rest = found["rest"] or ""
        code = rest if re.fullmatch(r"[A-Z_]+", rest) else None
        rows.append((found["name"], stack[depth - 1] if depth else None, code))
    return rows


def tree(error=LetheError):
    """Walk the classes as they are."""
    yield error
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


def test_docstring_draws_the_tree():
    """Each error stands in the drawing under its base, and nothing else does."""
    expected = {(one.__name__, one.__base__.__name__) for one in tree() if one is not LetheError}
    actual = {(name, parent) for name, parent, _ in drawn() if parent}

    assert actual == expected


def test_docstring_names_the_codes():
    """The codes in the drawing are those of the classes."""
    wrong = [
        (name, code, getattr(errors, name).code)
        for name, _, code in drawn()
        if code and getattr(errors, name).code != code
    ]

    assert wrong == []


def test_codes_of_leaves_are_unique():
    """A code tells which error it was."""
    codes = [one.code for one in tree() if not one.__subclasses__()]

    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[A-Z][A-Z_]+", code) for code in codes)


def test_a_hint_of_its_own_wins():
    """An error may say better than its class how to mend it."""
    assert InvalidEvent("x").hint == InvalidEvent.hint
    assert InvalidEvent("x", hint="do y").hint == "do y"


@pytest.mark.parametrize(("field", "message"), [("", "is bad"), ("a.b", "a.b: is bad")])
def test_invalid_event_names_its_field(field, message):
    """The field stands before the message."""
    error = InvalidEvent("is bad", field=field)

    assert (str(error), error.field) == (message, field)
