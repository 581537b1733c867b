"""Command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import (
    append,
    backfill,
    growth,
    idle,
    reads,
    rescan,
    search,
    startup,
    status,
    trivial,
    web,
)
from benchmarks.corpus import SIZES, corpus
from benchmarks.deployment import Deployment
from benchmarks.measuring import Sheet
from benchmarks.pair import Pair
from benchmarks.peer import VERSION, Peer
from benchmarks.report import write_growth, write_report

if TYPE_CHECKING:
    from collections.abc import Collection

RESULTS = Path(__file__).parent / "results"
#: In the order in which they are run. A backfill always comes first: the others need an archive.
BENCHMARKS = {
    "backfill": backfill,
    "rescan": rescan,
    "startup": startup,
    "search": search,
    "reads": reads,
    "trivial": trivial,
    "append": append,
    "status": status,
    "idle": idle,
    "web": web,
}
#: These need many minutes and no corpus, and are run by name alone; the first needs tantivy.
SEARCH_SCALE, GROWTH = BY_NAME_ALONE = ("search-scale", "growth")


def main() -> None:
    """Measure, print the tables, and keep the figures as JSON."""
    options = _options()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its bytecode
    figures: dict[str, Any] = {
        "size": options.size,
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "processors": os.cpu_count(),
        "load": list(os.getloadavg()),
        "reference": f"agentsview {VERSION}" if options.paired else None,
    }
    names = options.names or list(BENCHMARKS)
    if set(names) - set(BY_NAME_ALONE):
        figures["benchmarks"] = _measure(names, options)
    if GROWTH in names:
        figures[GROWTH] = growth.measure(options.grow, options.steps)
    if SEARCH_SCALE in names:
        from benchmarks import search_scale  # noqa: PLC0415 - needs tantivy

        figures[SEARCH_SCALE] = search_scale.measure(options.turns)
        print(json.dumps(figures[SEARCH_SCALE], indent=2))
    output = options.output or RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}-{options.size}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"\nkept in {output}")
    if options.report and GROWTH in figures:
        write_growth(figures)
    if options.report and "benchmarks" in figures:
        write_report(figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    known = (*BENCHMARKS, *BY_NAME_ALONE)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(known)}")
    parser.add_argument("--size", choices=SIZES, default="S", help="of the generated corpus")
    parser.add_argument("--paired", action="store_true", help=f"with agentsview {VERSION} in turn")
    parser.add_argument("--rounds", type=int, default=1, help="of the backfill")
    parser.add_argument(
        "--turns", nargs="+", default=["100k"], metavar="N", help="of search-scale: 100k 1M 3M"
    )
    things = (*growth.AXES, growth.FILES)
    parser.add_argument(
        "--grow", nargs="+", choices=things, default=things, help="of growth: what grows"
    )
    parser.add_argument(
        "--steps", type=int, choices=(1, 2, 3), default=3, help="of growth: sizes, the least first"
    )
    parser.add_argument("--output", type=Path, help="where to keep the JSON")
    parser.add_argument("--report", action="store_true", help="write docs/performance.md of it")
    options = parser.parse_args()
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return options


def _measure(names: Collection[str], options: argparse.Namespace) -> dict[str, Any]:
    source = corpus(options.size)
    sheets = {name: Sheet() for name in BENCHMARKS}
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="lethe-bench-") as scratch:
            pair = _make_pair(Path(scratch), source, paired=options.paired)
            try:
                pair.lethe.start()
                backfill.measure(pair, sheets["backfill"])
                if number == options.rounds - 1:
                    _measure_filled(pair, names, sheets)
            finally:
                pair.lethe.stop()
                if pair.peer is not None:
                    pair.peer.stop()
    measured = {
        name: rows for name in names if name in sheets and (rows := sheets[name].summaries())
    }
    for name, rows in measured.items():
        _print_table(name, rows)
    return measured


def _make_pair(scratch: Path, source: Path, *, paired: bool) -> Pair:
    folders = [scratch / "lethe", scratch / "agentsview"]
    for folder in folders:
        folder.mkdir()
    peer = Peer(folders[1], source) if paired else None
    return Pair(Deployment(folders[0], source), peer)


def _measure_filled(pair: Pair, names: Collection[str], sheets: dict[str, Sheet]) -> None:
    if pair.peer is not None and set(names) - {"backfill", "rescan"}:
        if "rescan" in names:
            rescan.measure(pair, sheets["rescan"])
        pair.peer.start()
    elif "rescan" in names:
        rescan.measure(pair, sheets["rescan"])
    for name, benchmark in BENCHMARKS.items():
        if name in names and benchmark not in (backfill, rescan):
            print(f"measuring {name}", flush=True)
            benchmark.measure(pair, sheets[name])


def _print_table(name: str, rows: dict[str, dict[str, Any]]) -> None:
    print(f"\n{name}")
    width = max(map(len, rows))
    for quantity, row in rows.items():
        text = f"  {quantity:<{width}}  {row['ours']:>12,.3f} {row['unit']:<5}"
        if "ratio" in row:
            low, high = row["spread"]
            text += f" {row['theirs']:>12,.3f}   ratio {row['ratio']:.3f} ({low:.3f} to {high:.3f})"
        print(text)


if __name__ == "__main__":
    main()
