"""Command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import append, backfill, reads, search
from benchmarks.corpus import SIZES, corpus
from benchmarks.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Collection

RESULTS = Path(__file__).parent / "results"
BENCHMARKS = ("backfill", "reads", "search", "append", "search-scale")
#: Needs tantivy and minutes, and no corpus.
_BY_NAME_ALONE = "search-scale"


def main() -> None:
    """Measure, print the tables, and keep the figures as JSON."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}")
    parser.add_argument("--size", choices=SIZES, default="S", help="of the generated corpus")
    parser.add_argument(
        "--turns", nargs="+", default=["100k"], metavar="N", help="of search-scale: 100k 1M 3M"
    )
    parser.add_argument("--output", type=Path, help="where to keep the JSON")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    names = options.names or [name for name in BENCHMARKS if name != _BY_NAME_ALONE]

    figures: dict[str, object] = {
        "size": options.size,
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "machine": platform.platform(),
    }
    if set(names) - {_BY_NAME_ALONE}:
        _measure_deployment(names, options.size, figures)
    if _BY_NAME_ALONE in names:
        from benchmarks import search_scale  # noqa: PLC0415 - needs tantivy

        for size, measured in search_scale.measure(options.turns).items():
            figures[f"{_BY_NAME_ALONE} {size}"] = measured
    for name, measured in figures.items():
        if isinstance(measured, dict):
            _print_table(name, measured)
    output = options.output or RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}-{options.size}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"\nkept in {output}")


def _measure_deployment(names: Collection[str], size: str, figures: dict[str, object]) -> None:
    source = corpus(size)
    with (
        tempfile.TemporaryDirectory(prefix="lethe-bench-") as scratch,
        Deployment(Path(scratch), source) as deployment,
    ):
        # The others need an archive that is filled, so that a backfill always comes first.
        filled = backfill.measure(deployment)
        if "backfill" in names:
            figures["backfill"] = filled
        if "reads" in names:
            figures["reads"] = reads.measure(deployment)
        if "search" in names:
            figures["search"] = search.measure(deployment)
        if "append" in names:
            figures["append"] = append.measure(deployment)


def _print_table(name: str, figures: object) -> None:
    print(f"\n{name}")
    assert isinstance(figures, dict)
    width = max(map(len, figures))
    for key, value in figures.items():
        text = f"{value:,.3f}" if isinstance(value, float) else f"{value:,}"
        print(f"  {key:<{width}}  {text:>14}")


if __name__ == "__main__":
    main()
