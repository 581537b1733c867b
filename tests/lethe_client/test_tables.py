"""Rows on terminals of any width."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from lethe_client.cells import Money, Snippet, Time
from lethe_client.tables import TEXT_WIDTH, print_table

WIDTHS = (40, 60, 80, 100, 120, 160)
NAMES = ("0197c1d2-7f3a-7b11-9c55-000000000001", "0197c1d2-7f3a-7b11-9c55-000000000002")
WORDS = tuple(f"word{number}" for number in range(30))
FIGURES = ("sessions", "tokens in", "tokens out", "cache read", "estimated cost")


@pytest.fixture
def printed(monkeypatch, capsys):
    """Print rows on a terminal of a width, and return its lines."""

    def at(width, columns, rows, **options):
        monkeypatch.setenv("COLUMNS", str(width))
        left_out = print_table(columns, rows, **options)
        return capsys.readouterr().out.splitlines(), left_out

    return at


def hits():
    """Hits as `search` has them."""
    text = Snippet(" ".join(WORDS).replace("word3 ", "\x02word3\x03 "))
    return [(Time(1_790_000_000), "claude-code", name, "assistant", text) for name in NAMES]


def groups():
    """Sums as `stats` has them."""
    return [
        (month, 312, 11_306_123, 5_306_124, 1_811_306_125, Money(1234.5))
        for month in ("2026-07", "2026-08", "all")
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_names_and_texts_are_whole(printed, width):
    """Whatever the width, ids and words are whole, and a text has the room to be read."""
    columns = ("when", "tool", "session", "role", "hit")
    lines, _ = printed(width, columns, hits())
    words = " ".join(lines).split()

    assert max(map(cell_len, lines)) <= width
    assert [word for word in words if word.startswith("0197")] == list(NAMES)
    assert [word for word in words if word.startswith("word")] == list(WORDS * 2)
    assert len(lines) <= 2 + 2 * (3 + len(" ".join(WORDS)) // (min(width, TEXT_WIDTH) - 10))


@pytest.mark.parametrize("width", WIDTHS)
def test_figures_are_whole(printed, width):
    """Each figure that is shown is whole, and columns that are not are named."""
    lines, left_out = printed(width, ("month", *FIGURES), groups(), spare=("cache read",))
    words = " ".join(lines).split()
    expected = {"312", "11,306,123", "5,306,124", "1,811,306,125", "$1,234.50"}

    assert max(map(cell_len, lines)) <= width
    assert {word for word in words if word[-1].isdigit() and "-" not in word} == (
        expected - {"1,811,306,125"} if left_out else expected
    )
    assert left_out == (("cache read",) if width == 60 else ())


def test_headings_take_several_lines_first(printed):
    """Before anything is left out, headings are broken between their words."""
    row = [("2026-07", 1, 2)]

    assert printed(40, ("month", "tokens out", "cache read"), row)[0] == [
        "month    tokens out  cache read",
        "───────────────────────────────",
        "2026-07           1           2",
    ]
    assert printed(30, ("month", "tokens out", "cache read"), row)[0] == [
        "         tokens  cache",
        "month       out   read",
        "──────────────────────",
        "2026-07       1      2",
    ]


def test_a_record_takes_several_lines(printed):
    """Where a table has no room, figures carry their names, and the text stands below."""
    columns = ("last activity", "host", "session", "turns", "cost", "title")
    row = (
        "yesterday",
        "laptop",
        "5f2e",
        1234,
        Money(None),
        Snippet("mend [red]all[/red] \x02that"),
    )

    assert printed(30, columns, [row, (*row[:5], Snippet(""))])[0] == [
        "yesterday  laptop  5f2e",
        "  1,234 turns",
        "  mend [red]all[/red] that",
        "yesterday  laptop  5f2e",
        "  1,234 turns",
    ]


def test_wide_letters_count_twice(printed):
    """Letters that take two cells are counted so."""
    lines, _ = printed(40, ("host", "hit"), [("漢字", Snippet("字" * 60))])

    assert {cell_len(line) for line in lines[1:-1]} == {40}
    assert "".join(lines).count("字") == 61
