"""The small steps of a mapping: what a tool wrote becomes a field, or the empty value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe_core import mapping

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-02T03:04:05.250Z", 1767323045.25),
        ("2026-01-02T04:04:05+01:00", 1767323045.0),
        ("2026-01-02T03:04:05", 1767323045.0),
        (1767323045.5, 1767323045.5),
        (1767323045500, 1767323045.5),
        ("yesterday", None),
        (True, None),
        (-1, None),
        (float("nan"), None),
        (10**400, None),
        (None, None),
    ],
)
def test_unix_time(value, expected):
    """Texts, seconds and milliseconds are read; what is no time is none."""
    assert mapping.unix_time(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (3.9, 3),
        (-3, 0),
        (True, 0),
        (float("inf"), 0),
        ("3", 0),
        (10**400, 2**63 - 1),
    ],
)
def test_count(value, expected):
    """A number of tokens is whole, not negative, and bounded; what is none is 0."""
    assert mapping.count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0.0),
        (0.25, 0.25),
        (-0.25, None),
        (True, None),
        (float("inf"), None),
        ("0.25", None),
        (10**400, None),
    ],
)
def test_price(value, expected):
    """A price is a number that the wire carries; what is none is not told."""
    assert mapping.price(value) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"description": "Run it", "command": "pytest -q"}, "Bash: pytest -q"),
        ({"command": ["bash", "-lc", "ls"]}, "Bash: bash -lc ls"),
        ({"depth": 2, "where": " a\n b "}, "Bash: a b"),
        ("raw input", "Bash: raw input"),
        ({}, "Bash"),
        (None, "Bash"),
    ],
)
def test_call_line(arguments, expected):
    """A call is named with its main argument, on one line."""
    assert mapping.call_line("Bash", arguments) == expected


def test_call_line_is_short():
    """A long argument is cut and says so."""
    line = mapping.call_line("Bash", {"command": "x" * 1000})

    assert len(line) == 200
    assert line.endswith("…")


def test_data_url_image():
    """An image in a data URL becomes an attachment with its size."""
    expected = {"type": "image", "media_type": "image/png", "data": "AAEC", "bytes": 3}

    assert mapping.data_url_image("data:image/png;base64,AAEC") == expected
    assert mapping.data_url_image("https://example.invalid/a.png") is None


def test_wire_key_refuses_what_the_wire_refuses():
    """An id with a blank, or a very long one, is no key."""
    assert mapping.wire_key("msg_01") == "msg_01"
    assert mapping.wire_key("with blank") == ""
    assert mapping.wire_key("x" * 300) == ""


def test_skip_word_holds_no_content():
    """A name that is more than a name is not repeated."""
    assert mapping.skip_word("event", "token_count") == "event token_count"
    assert mapping.skip_word("event", "please fix my bug") == "unknown event"


def test_first_telling_lets_one_of_two_streams_through():
    """What the other stream told is a repetition, once; the same words may be said again."""
    state = {}
    tellers = ["eye", "model", "model", "eye", "eye", "eye"]

    told = [mapping.first_telling(state, teller, "Go on.") for teller in tellers]
    assert told == [True, False, True, False, True, True]


def test_first_telling_keeps_little():
    """However much is told, the state stays small."""
    state = {}
    for number in range(1000):
        mapping.first_telling(state, "eye", str(number))

    assert len(str(state)) < 500


@given(JSON)
def test_no_step_raises(value):
    """Whatever a tool writes, no step raises."""
    mapping.unix_time(value)
    mapping.count(value)
    mapping.text(value)
    mapping.wire_key(value)
    mapping.skip_word("record", value)
    mapping.decoded_arguments(value)
    mapping.call_line("tool", value)
    mapping.data_url_image(value)


class TestSessionIds:
    """Names of files as names of sessions."""

    @given(name=st.text())
    def test_any_name_gives_a_valid_id(self, name):
        """Whatever a file is called, its session has a valid id."""
        cleaned = mapping.clean_session_id(name)

        assert 1 <= len(cleaned) <= 200
        assert cleaned.isascii()
        assert cleaned[0].isalnum()

    def test_valid_names_stay(self):
        """A name that is valid is the id."""
        assert mapping.clean_session_id("6f0c1f0e-2b54_x.y") == "6f0c1f0e-2b54_x.y"

    def test_long_names_differ_by_a_hash(self):
        """Names that begin alike and are too long have different ids."""
        assert mapping.clean_session_id("a" * 300) != mapping.clean_session_id("a" * 301)
