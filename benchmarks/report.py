"""`docs/performance.md`, made from the JSON that a run has kept.

`python -m benchmarks.report FILE` writes it anew from a file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.growth import table_lines
from benchmarks.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.targets import Target

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "performance.md"
#: Written by people; the report stands between.
_NOTES: Final = Path(__file__).parent / "notes.md"
#: Made of a run of `growth`, which is another one.
_GROWTH: Final = Path(__file__).parent / "growth.md"


def write_report(figures: dict[str, Any]) -> None:
    """Write the document.

    Args:
        figures: that a run has kept.
    """
    DOCUMENT.write_text("\n".join(_lines(figures)) + "\n")


def write_growth(figures: dict[str, Any]) -> None:
    """Write the tables of growth, which the next report holds.

    Args:
        figures: that a run has kept.
    """
    lines = [
        "## Growth of each route",
        "",
        f"Measured on {figures['date']} by `hatch run bench growth` on {figures['processors']}",
        f"processors, load {figures['load'][0]:.1f} at the start: milliseconds of the server's",
        "processor, in brackets the median until the answer was there. What the first row costs,",
        "which reads nothing, tells how far the load makes figures differ; what grows less than",
        "twice is flat.",
        *table_lines(figures["growth"]),
    ]
    _GROWTH.write_text("\n".join(lines) + "\n")


def _lines(figures: dict[str, Any]) -> Iterator[str]:
    rows = {name: row for part in figures["benchmarks"].values() for name, row in part.items()}
    load = figures["load"][0]
    yield "# Performance"
    yield ""
    yield "<!-- Made by `hatch run bench --paired --report`; notes: benchmarks/notes.md. -->"
    yield ""
    yield f"Measured on {figures['date']} with corpus {figures['size']},"
    yield f"on {figures['machine']}, {figures['processors']} processors,"
    yield f"Python {figures['python']}, load {load:.1f} at the start. The reference is"
    yield f"{figures['reference']}; both were measured in turn in one run. A ratio is lethe's"
    yield "figure to the reference's; in brackets the least and the greatest of a round."
    yield ""
    yield "## Targets"
    yield ""
    yield "| quantity | lethe | reference | ratio | must | goal | |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for target in TARGETS:
        if target.quantity in rows:
            yield _target_line(target, rows[target.quantity])
    yield ""
    yield _NOTES.read_text().rstrip()
    yield ""
    yield _GROWTH.read_text().rstrip()
    yield ""
    yield "## All figures"
    for name, part in figures["benchmarks"].items():
        yield ""
        yield f"### {name.capitalize()}"
        yield ""
        yield "| quantity | unit | lethe | reference | ratio | rounds |"
        yield "| --- | --- | --- | --- | --- | --- |"
        for quantity, row in part.items():
            yield f"| {quantity} | {row['unit']} | {_compared(row)} | {row['rounds']} |"


def _target_line(target: Target, row: dict[str, Any]) -> str:
    value = row.get("ratio") if target.measure == "ratio" else row["ours"]
    if value is None:
        reached = "not compared"
    elif _keeps(target, value, target.goal):
        reached = "goal"
    else:
        reached = "must" if _keeps(target, value, target.must) else "**missed**"
    limits = (_limit(target, limit) for limit in (target.must, target.goal))
    return f"| {target.quantity} | {_compared(row)} | {' | '.join(limits)} | {reached} |"


def _keeps(target: Target, value: float, limit: float) -> bool:
    return value >= limit if target.least else value <= limit


def _limit(target: Target, limit: float) -> str:
    if target.least:
        return f"≥ {limit:g}"
    if target.measure == "ours":
        return f"≤ {limit:g}"
    return f"≤ 1/{1 / limit:.2g}" if limit < 1 else f"≤ {limit:g}"


def _compared(row: dict[str, Any]) -> str:
    if "ratio" not in row:
        return f"{_figure(row['ours'])} | | "
    low, high = row["spread"]
    ratio = f"{_figure(row['ratio'])} ({_figure(low)} to {_figure(high)})"
    return f"{_figure(row['ours'])} | {_figure(row['theirs'])} | {ratio}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    kept = json.loads(Path(sys.argv[1]).read_text())
    if "growth" in kept:
        write_growth(kept)
    if "benchmarks" in kept:
        write_report(kept)
