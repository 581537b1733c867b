"""Rows, as a table on a terminal and as lines with tabs elsewhere.

`rich` is imported for tables alone: it costs more than all else that a command does.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from lethe_client.cells import plain
from lethe_core.terminal import printable_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lethe_client.cells import Cell


def is_terminal() -> bool:
    """Tell whether a person reads what is written."""
    return sys.stdout.isatty()


def print_json(body: bytes) -> None:
    """Print an answer of the server: what it says, and nothing that a terminal obeys.

    Args:
        body: JSON.
    """
    click.echo(printable_json(body))


def print_rows(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    note: str = "",
    spare: Sequence[str] = (),
) -> None:
    """Print rows: a table for people, or a line with tabs each.

    Args:
        columns: their names; for people.
        rows: of as many cells.
        note: for people, below.
        spare: names of columns that a narrow terminal may leave out, the first one first.
    """
    if is_terminal():
        from lethe_client.tables import print_table  # noqa: PLC0415 - see above

        left_out = print_table(columns, list(rows), spare=spare)
        if left_out:
            click.echo(f"no room for: {', '.join(left_out)} (--json has all)", err=True)
        if note:
            click.echo(note, err=True)
        return
    for row in rows:
        click.echo("\t".join(map(plain, row)))
