"""What stands in a row, and how programs and people read it."""

from __future__ import annotations

from typing import NamedTuple

from lethe_client.text import clean_line, split_hits
from lethe_client.times import iso_time, local_time


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
