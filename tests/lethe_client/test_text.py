"""What of a text may reach a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe_client.cells import Money, Snippet, Time, plain, shown
from lethe_client.text import clean_block, clean_line, short_ids, split_hits


@pytest.mark.promise("A6")
@given(st.text())
def test_nothing_unprintable_passes(text):
    """Whatever a text holds, lines are printable, and a line is one."""
    assert clean_line(text).isprintable()
    assert all(line.isprintable() for line in clean_block(text).split("\n"))
    assert all(part.isprintable() and part for part, _ in split_hits(text))


@pytest.mark.parametrize(
    ("snippet", "parts"),
    [
        ("a \x02b\x03 c", [("a ", False), ("b", True), (" c", False)]),
        ("\x02b\x03\x02c\x03", [("b", True), ("c", True)]),
        ("a \x02b", [("a ", False), ("b", False)]),
        ("a\x03b", [("a b", False)]),
        ("", []),
    ],
)
def test_hits_are_told_apart(snippet, parts):
    """Marks that have a partner make a hit."""
    assert split_hits(snippet) == parts


@pytest.mark.parametrize(
    ("cell", "line", "person"),
    [
        (1234567, "1234567", "1,234,567"),
        ("a\tb\nc", "a b c", "a b c"),
        (None, "", ""),
        (Money(None), "", ""),
        (Money(1234.5), "1234.500000", "$1,234.50"),
        (Time(None), "", ""),
        (Snippet("a \x02b\x03"), "a b", "a b"),
    ],
)
def test_cells(cell, line, person):
    """A cell is exact for programs, and easy to read for people."""
    assert (plain(cell), shown(cell)) == (line, person)


@given(st.lists(st.text(alphabet="ab-", min_size=1, max_size=20)))
def test_short_ids_are_told_apart(ids):
    """Each id has a beginning of its own, of eight characters if they do."""
    short = short_ids(ids)

    assert set(short) == set(ids)
    assert len(set(short.values())) == len(short)
    assert all(whole.startswith(part) for whole, part in short.items())
    assert short_ids(["0123456789", "abcdefghij"])["abcdefghij"] == "abcdefgh"
