"""What the commands that list print: rows for a person, and rows for programs."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final

from lethe_client import output
from lethe_client.cells import Money, Snippet, Time
from lethe_client.text import short_ids

if TYPE_CHECKING:
    from lethe_client.answers import Figures, Hits, Sessions, Stats
    from lethe_client.cells import Cell

_FIGURES: Final = ("sessions", "turns", "tokens_in", "tokens_out", "cache_read", "cache_write")
#: What a narrow terminal leaves out of statistics, the least wanted first.
_SPARE_FIGURES: Final = (
    "cache write",
    "cache read",
    "cost",
    "tokens in",
    "turns",
    "estimated cost",
)


def print_hits(answer: Hits) -> None:
    """Print the hits of a search.

    Args:
        answer: of the server.
    """
    results = answer["results"]
    if not output.is_terminal():
        fields = ("tool", "host", "session_id", "turn_id", "role")
        output.print_rows(
            ("when", *fields, "hit"),
            [
                (Time(hit["timestamp"]), *itemgetter(*fields)(hit), Snippet(hit["snippet"]))
                for hit in results
            ],
        )
        return
    total, least = answer["total"]["value"], answer["total"]["relation"] == "gte"
    names = short_ids(hit["session_id"] for hit in results)
    output.print_rows(
        ("when", "tool", "session", "role", "hit"),
        [
            (
                Time(hit["timestamp"]),
                hit["tool"],
                names[hit["session_id"]],
                hit["role"],
                Snippet(hit["snippet"]),
            )
            for hit in results
        ],
        note=f"{len(results)} of {'at least ' if least else ''}{total:,} hits",
    )


def print_sessions(answer: Sessions) -> None:
    """Print sessions.

    Args:
        answer: of the server.
    """
    found = answer["sessions"]
    if not output.is_terminal():
        fields = ("tool", "host", "session_id", "turns", "tokens_out", "working_dir", "title")
        output.print_rows(
            ("last activity", *fields),
            [(Time(one["last_activity"]), *itemgetter(*fields)(one)) for one in found],
        )
        return
    names = short_ids(one["session_id"] for one in found)
    output.print_rows(
        ("last activity", "tool", "host", "session", "turns", "tokens out", "title"),
        [
            (
                Time(one["last_activity"]),
                one["tool"],
                one["host"],
                names[one["session_id"]],
                one["turns"],
                one["tokens_out"],
                Snippet(one["title"] or ""),
            )
            for one in found
        ],
        note=f"{len(found)} of {answer['total']:,} sessions",
    )


def print_stats(answer: Stats) -> None:
    """Print sums by group; for a person, and where nothing is grouped, those of all.

    Args:
        answer: of the server.
    """
    dimensions = answer["group_by"]
    rows = [
        _figures_row(group, *(str(group.get(name) or "-") for name in dimensions))
        for group in answer["groups"]
    ]
    if output.is_terminal() and dimensions:
        rows.append(_figures_row(answer["totals"], "all", *("" for _ in dimensions[1:])))
    elif not dimensions:
        rows = [_figures_row(answer["totals"])]
    figures = (name.replace("_", " ") for name in _FIGURES)
    output.print_rows((*dimensions, *figures, "cost", "estimated cost"), rows, spare=_SPARE_FIGURES)


def _figures_row(figures: Figures, *head: str) -> tuple[Cell, ...]:
    costs = (figures["cost_usd"], figures.get("cost_estimate_usd"))
    return (*head, *itemgetter(*_FIGURES)(figures), *map(Money, costs))
