"""Rows, as a table on a terminal and as lines with tabs elsewhere.

`rich` is imported for tables alone: it costs more than all else that a command does.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from lethe_client.text import clean_line, split_hits
from lethe_client.times import iso_time, local_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.text import Text


class Time(NamedTuple):
    """A moment, in Unix seconds."""

    seconds: float | None


class Snippet(NamedTuple):
    """A text with the server's marks around its hits."""

    text: str


class Money(NamedTuple):
    """A sum in US dollars; `None` if nobody reported one."""

    dollars: float | None


Cell = str | int | Time | Snippet | Money | None


def is_terminal() -> bool:
    """Tell whether a person reads what is written."""
    return sys.stdout.isatty()


def print_json(body: bytes) -> None:
    """Print an answer of the server as it came.

    Args:
        body: JSON.
    """
    click.echo(body)


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, note: str = "") -> None:
    """Print rows: a table for people, or a line with tabs each.

    Args:
        columns: their names; for people.
        rows: of as many cells.
        note: for people, below.
    """
    if is_terminal():
        _print_table(columns, rows)
        if note:
            click.echo(note, err=True)
        return
    for row in rows:
        click.echo("\t".join(map(plain, row)))


def plain(cell: Cell) -> str:
    """Write a cell for programs: one line without tabs.

    Args:
        cell: any.
    """
    match cell:
        case None | Money(None):
            return ""
        case Time(seconds):
            return iso_time(seconds)
        case Snippet(text):
            return clean_line("".join(part for part, _ in split_hits(text)))
        case Money(dollars):
            return f"{dollars:.6f}"
        case _:
            return clean_line(str(cell))


def shown(cell: Cell) -> str:
    """Write a cell for people.

    Args:
        cell: any.
    """
    match cell:
        case Time(seconds):
            return local_time(seconds)
        case int():
            return f"{cell:,}"
        case Money(float(dollars)):
            return f"${dollars:,.2f}"
        case _:
            return plain(cell)


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - see above
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.table import Table  # noqa: PLC0415 - see above

    rows = list(rows)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for index, name in enumerate(columns):
        cells = [row[index] for row in rows]
        numbers = bool(cells) and all(isinstance(cell, int | Money) for cell in cells)
        flows = any(isinstance(cell, Snippet) for cell in cells)
        table.add_column(
            name,
            justify="right" if numbers else "left",
            no_wrap=not flows,
            overflow="fold" if flows else "ellipsis",
            ratio=1 if flows else None,
        )
    for row in rows:
        table.add_row(*map(_styled, row))
    Console().print(table)


def _styled(cell: Cell) -> Text:
    """Make a text of rich: nothing in it is taken for markup."""
    from rich.text import Text  # noqa: PLC0415 - see above

    if not isinstance(cell, Snippet):
        return Text(shown(cell))
    text = Text()
    for part, is_hit in split_hits(cell.text):
        text.append(part, style="bold yellow" if is_hit else "")
    return text
