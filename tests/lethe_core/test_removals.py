"""Statements about turns that a tool has taken back."""

from __future__ import annotations

import msgspec
import pytest

from lethe_core.removals import Removals, no_removal, removal, removals


def test_places_between_from_and_to_were_taken_back():
    """The first place counts, the last one does not; others were not taken back."""
    removed = Removals(removal("a", 10, 20, "reverted") | {"version": "1"})

    assert [removed.why(seq) for seq in (9, 10, 19, 20)] == [None, "reverted", "reverted", None]


def test_of_overlapping_statements_the_one_that_begins_first_holds():
    """Each place has one reason, and one that lies within another changes nothing."""
    metadata = removal("a", 10, 20, "deleted") | removal("b", 15, 30, "reverted")
    removed = Removals(metadata | removal("c", 12, 14, "reverted"))

    assert [removed.why(seq) for seq in (13, 19, 20, 29, 30)] == [
        "deleted",
        "deleted",
        "reverted",
        "reverted",
        None,
    ]


def test_one_statement_may_tell_several_places():
    """A list of places is one statement; an empty one says that there is nothing to say."""
    removed = Removals(removals("a", [(10, 12), (20, 21)], "deleted"))

    assert [removed.why(seq) for seq in (10, 12, 20, 21)] == ["deleted", None, "deleted", None]
    assert removals("a", [], "deleted") == no_removal("a")


def test_a_statement_can_be_taken_back():
    """A later statement of the same name says that the turns are there again."""
    metadata = removal("a", 10, 20, "deleted")

    assert Removals(metadata | no_removal("a")).why(10) is None


@pytest.mark.parametrize(
    "value",
    [
        1,
        {"from": 1},
        {"from": "x", "to": 9, "why": "reverted"},
        {"from": 1, "to": 9, "why": "other"},
    ],
)
def test_a_malformed_statement_says_nothing(value):
    """Whoever sends events may send anything."""
    assert Removals({"removed:a": value}).why(5) is None


def test_statements_are_read_from_json():
    """The archive keeps the metadata of a session as JSON, or has none."""
    stored = msgspec.json.encode({"version": "1", **removal("a", 10, 20, "reverted")})

    assert Removals.of_json(stored).why(10) == "reverted"
    assert Removals.of_json(b'{"version":"1"}').why(10) is None
    assert Removals.of_json(None).why(10) is None
