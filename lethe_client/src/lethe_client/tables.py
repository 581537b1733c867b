"""Rows for a person, laid out for the terminal that they are read on.

Names and figures are never cut. On a terminal that is too narrow for all columns

1. headings take several lines;
2. columns that can be spared are left out;
3. if that is not enough, or leaves no room to read a text, each row is a record: its names and
   figures in as many lines as they need, and the text below::

    2026-10-01 09:30  claude-code  5f2e0a11  assistant
      the text that was found
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lethe_client.cells import Money, Snippet, shown
from lethe_client.text import split_hits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lethe_client.cells import Cell

#: A text in a table has this width at least, unless it is shorter.
TEXT_WIDTH: Final = 40

_GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    cells: list[Cell]

    @property
    def is_text(self) -> bool:
        return any(isinstance(cell, Snippet) for cell in self.cells)

    @property
    def is_number(self) -> bool:
        return bool(self.cells) and all(isinstance(cell, int | Money) for cell in self.cells)

    @property
    def width(self) -> int:
        """Cells of the terminal that it takes on one line, without its heading."""
        return max((cell_len(shown(cell)) for cell in self.cells), default=0)


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, spare: Sequence[str] = ()
) -> Sequence[str]:
    """Print rows as the terminal has room for them.

    Args:
        columns: their names.
        rows: of as many cells.
        spare: names of columns that may be left out, the first one first.

    Returns:
        The names of those that were left out.
    """
    console = Console()
    for count in range(len(spare) + 1):
        left_out = spare[:count]
        kept = [
            _Column(name, [row[index] for row in rows])
            for index, name in enumerate(columns)
            if name not in left_out
        ]
        if widths := _widths(kept, console.width):
            console.print(_table(kept, widths))
            return left_out
    for row in rows:
        _print_record(console, columns, row)
    return ()


def _widths(columns: Sequence[_Column], room: int) -> list[int]:
    """Share the room of a terminal; nothing if there is too little."""
    room -= len(_GAP) * (len(columns) - 1)
    for heading_width in (cell_len, _longest_word):
        widths = [
            max(
                heading_width(column.name),
                min(column.width, TEXT_WIDTH if column.is_text else room),
            )
            for column in columns
        ]
        rest = room - sum(widths)
        if rest >= 0:
            return [
                max(width, min(column.width, width + rest)) if column.is_text else width
                for column, width in zip(columns, widths, strict=True)
            ]
    return []


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()))


def _table(columns: Sequence[_Column], widths: Sequence[int]) -> Table:
    table = Table(
        box=SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True, header_style="bold"
    )
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.name,
            justify="right" if column.is_number else "left",
            vertical="top",
            overflow="fold",
            width=width,
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(_styled, row))
    return table


def _print_record(console: Console, columns: Sequence[str], row: Sequence[Cell]) -> None:
    parts = [_named(name, cell) for name, cell in zip(columns, row, strict=True)]
    for heading in _filled([part for part in parts if part], console.width):
        # A name that is longer than the line is broken by the terminal, so that it can be copied.
        console.print(Text(heading, style="bold"), soft_wrap=True)
    for text in (_styled(cell) for cell in row if isinstance(cell, Snippet) and cell.text):
        for line in text.wrap(console, max(1, console.width - len(_GAP)), overflow="fold"):
            line.rstrip()
            console.print(Text(_GAP).append_text(line))


def _named(name: str, cell: Cell) -> str:
    """Write a cell that has no heading; texts stand below."""
    match cell:
        case Snippet():
            return ""
        case int() | Money(float()):
            return f"{shown(cell)} {name}"
        case _:
            return shown(cell)


def _filled(parts: Sequence[str], room: int) -> Iterator[str]:
    """Give lines of whole parts, all but the first one indented."""
    line = ""
    for part in parts:
        longer = f"{line}{_GAP}{part}" if line else part
        if line and cell_len(longer) > room:
            yield line
            longer = _GAP + part
        line = longer
    if line:
        yield line


def _styled(cell: Cell) -> Text:
    """Make a text of rich: nothing in it is taken for markup."""
    if not isinstance(cell, Snippet):
        return Text(shown(cell))
    text = Text()
    for part, is_hit in split_hits(cell.text):
        text.append(part, style="bold yellow" if is_hit else "")
    return text
